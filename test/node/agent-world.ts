import * as v from 'valibot';
import { type AgentEvent, type AgentState, initialState } from '../../src/node/agent/agent-state.ts';
import { type Actions, step } from '../../src/node/agent/step.ts';
import type { EndedStep, Step } from '../../src/node/agent/step-report.ts';
import type { NodeView, SeenCondition, Wish } from '../../src/node/marks/node-view.ts';
import { type MarkPlan, planMarks } from '../../src/node/marks/plan-marks.ts';
import type { Verdict } from '../../src/node/proof/verdict.ts';
import { HANDLER_READY, handlerLabel, STARTUP_TAINT } from '../../src/policy/keys.ts';

const HOUR = 3_600_000;

/** What a proof may come to. */
export const VERDICTS = {
  passed: { result: 'passed', sentence: 'it ran' },
  failed: { result: 'failed', cause: 'SandboxNotStarted', sentence: 'no sandbox started' },
  inconclusive: { result: 'inconclusive', cause: 'Quota', sentence: 'exceeded quota' },
} as const satisfies Record<string, Verdict>;

/** What a step that is refused or fails reports. */
export function trouble(reason: string, outcome: 'refused' | 'failed' = 'refused') {
  return { outcome, reason, sentence: `there is ${reason}`, hint: 'Do something' } as const;
}

/** The report of an install. */
export function installed(
  outcome: 'installed' | 'unchanged' | 'adopted' = 'installed',
  handlers: readonly string[] = ['runsc'],
): EndedStep {
  const adopted = outcome === 'adopted';
  return {
    step: 'install',
    report: { outcome, release: '20260914.0', handlers: handlers.map(name => ({ name, adopted })), files: [] },
  };
}

/** The report of proofs with the same verdict. */
export function proofs(verdict: Verdict, handlers: readonly string[] = ['runsc']): EndedStep {
  return {
    step: 'prove',
    report: { outcome: 'proved', verdicts: handlers.map(handler => ({ handler, verdict })), calls: [] },
  };
}

/** A node and the agent on it: what the agent writes is there at once, unless the API server is away. */
export class World {
  state: AgentState;
  now = 0;
  /** From 0 to 1. */
  random = 0.5;
  wish: Wish = 'install';
  labels = new Set<string>();
  condition: SeenCondition | undefined;
  hasTaint = true;
  /** The API server takes what is written. */
  isUp = true;
  /** Everything that was written, in words. */
  readonly written: string[] = [];
  /** Steps that were started. */
  readonly started: Step[] = [];
  /** What the last event made the agent do. */
  actions: Actions | undefined;
  /** Called before a plan is carried out. */
  onPlan: (plan: MarkPlan, world: World) => void = () => undefined;

  constructor(bootId = 'boot-one') {
    this.state = initialState(bootId);
  }

  /** A new process of the agent, on the node as it is. */
  restart(bootId = this.state.bootId): void {
    this.state = initialState(bootId);
  }

  view(): NodeView {
    return {
      name: 'node-1',
      uid: 'uid-1',
      resourceVersion: '1',
      wish: this.wish,
      labelled: [...this.labels].toSorted(),
      condition: this.condition,
      taints: [
        { key: 'other', effect: 'NoSchedule' },
        ...(this.hasTaint ? [{ key: STARTUP_TAINT, effect: 'NoSchedule' }] : []),
      ],
      machine: 'machine',
    };
  }

  /** The Node is seen as it is. */
  see(): void {
    this.happen({ kind: 'nodeSeen', node: this.view() });
  }

  /** The step that runs comes to this end. */
  end(ended: EndedStep): void {
    if (this.state.task !== ended.step) throw new Error(`${ended.step} ended, and ${String(this.state.task)} ran`);
    this.happen({ kind: 'stepEnded', ended });
  }

  /** Time passes, until the agent wanted to be woken or for so long. */
  wait(milliseconds = (this.actions?.wakeAt ?? this.now) - this.now): void {
    this.now += milliseconds;
    this.happen({ kind: 'timer' });
  }

  /** Time passes until a step runs. */
  waitFor(wanted: Step): void {
    for (let turn = 0; turn < 20 && this.state.task !== wanted; turn += 1) this.wait();
  }

  happen(event: AgentEvent): void {
    const { state, actions } = step(this.state, event, { now: this.now, random: this.random });
    this.state = state;
    this.actions = actions;
    if (actions.start !== undefined) this.started.push(actions.start);
    this.#mark();
  }

  #mark(): void {
    const wanted = this.actions?.mark;
    if (wanted === undefined) return;
    const plan = planMarks(this.view(), wanted, new Date(this.now));
    if (plan.status === undefined && plan.metadata === undefined) return;
    this.onPlan(plan, this);
    if (!this.isUp) {
      this.happen({ kind: 'markFailed' });
      return;
    }
    this.apply(plan);
    this.happen({ kind: 'marked' });
    this.see();
  }

  /** What an API server makes of a plan. */
  apply({ status, metadata, event }: MarkPlan): void {
    if (status?.kind === 'strategic') {
      this.condition = conditionOf(status.content);
      this.written.push(`${this.condition.status} ${this.condition.reason}`);
    }
    if (metadata?.kind === 'merge') {
      for (const [key, value] of labelChangesOf(metadata.content)) this.#label(key, value === HANDLER_READY);
    }
    if (metadata?.kind === 'json') {
      for (const { op, path } of metadata.operations) {
        if (path.startsWith('/metadata/labels/')) this.#label(path.slice(17).replaceAll('~1', '/'), op === 'add');
        else if (op === 'remove') {
          this.hasTaint = false;
          this.written.push('taint lifted');
        }
      }
    }
    if (event !== undefined) this.written.push(`event ${event.type ?? ''} ${event.reason ?? ''}`);
  }

  #label(key: string, isReady: boolean): void {
    const handler = key.slice(handlerLabel('').length);
    if (isReady) this.labels.add(handler);
    else this.labels.delete(handler);
    this.written.push(`label ${handler} ${isReady ? 'on' : 'off'}`);
  }
}

/** A node on which gVisor was installed and proved. */
export function readyWorld(): World {
  const world = new World();
  world.see();
  world.end(installed());
  world.end(proofs(VERDICTS.passed));
  world.wait(HOUR / 2);
  world.written.length = 0;
  world.started.length = 0;
  return world;
}

const Conditions = v.object({
  status: v.object({
    conditions: v.tuple([
      v.object({ status: v.string(), reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') }),
    ]),
  }),
});

function conditionOf(content: object): SeenCondition {
  return v.parse(Conditions, content).status.conditions[0];
}

const Labels = v.object({ metadata: v.object({ labels: v.record(v.string(), v.nullable(v.string())) }) });

function labelChangesOf(content: object): readonly [string, unknown][] {
  return Object.entries(v.parse(Labels, content).metadata.labels);
}
