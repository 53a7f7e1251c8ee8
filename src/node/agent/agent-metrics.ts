import type { EndedStep, Step } from './step-report.ts';
import { isTrouble } from './step-report.ts';

/** A metric as the README's table has it. */
interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** Every metric of the node agent. */
export const NODE_METRICS = {
  steps: {
    name: 'gvisor_injector_node_steps_total',
    type: 'counter',
    help: 'Steps on the node that have ended, by step and outcome',
    labelNames: ['step', 'outcome'],
  },
  stepSeconds: {
    name: 'gvisor_injector_node_step_seconds_total',
    type: 'counter',
    help: 'Time that steps on the node have taken',
    labelNames: ['step'],
  },
  proofs: {
    name: 'gvisor_injector_node_proofs_total',
    type: 'counter',
    help: 'Proofs by handler, result and cause',
    labelNames: ['handler', 'result', 'cause'],
  },
  repairs: {
    name: 'gvisor_injector_node_repairs_total',
    type: 'counter',
    help: 'Repairs of what somebody else had changed',
    labelNames: [],
  },
  calls: {
    name: 'gvisor_injector_node_api_requests_total',
    type: 'counter',
    help: 'Requests to the Kubernetes API by verb and result',
    labelNames: ['verb', 'result'],
  },
  pause: {
    name: 'gvisor_injector_node_runtime_pause_seconds_total',
    type: 'counter',
    help: 'Time that the container runtime was away for our restarts',
    labelNames: [],
  },
  condition: {
    name: 'gvisor_injector_node_condition',
    type: 'gauge',
    help: 'Always 1; the labels are status and reason of the condition that the node is to have',
    labelNames: ['status', 'reason'],
  },
} as const satisfies Record<string, Metric>;

/** The content type of the text (prometheus.io/docs/instrumenting/exposition_formats). */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * The agent's counters, and the text that Prometheus scrapes. Written by hand, as the client library would be a fifth of
 * the whole process: 13 MB of RSS (Node 24.21, bundled).
 */
export class AgentMetrics {
  readonly #values = new Map<string, Map<string, number>>();

  /** A step has ended. */
  ended(ended: EndedStep, seconds: number): void {
    const { step, report } = ended;
    this.#add(NODE_METRICS.steps, [step, isTrouble(report) ? report.reason : report.outcome], 1);
    this.#add(NODE_METRICS.stepSeconds, [step], seconds);
    if (ended.step === 'install' && 'pauseMilliseconds' in ended.report) {
      this.#add(NODE_METRICS.pause, [], (ended.report.pauseMilliseconds ?? 0) / 1000);
    }
    if (ended.step !== 'prove' || isTrouble(ended.report)) return;
    for (const { handler, verdict } of ended.report.verdicts) {
      this.#add(NODE_METRICS.proofs, [handler, verdict.result, 'cause' in verdict ? verdict.cause : ''], 1);
    }
    for (const { verb, result, count } of ended.report.calls) this.called(verb, result, count);
  }

  /** Something that somebody else had changed was put right. */
  repaired(): void {
    this.#add(NODE_METRICS.repairs, [], 1);
  }

  /** Requests were sent to the API server. */
  called(verb: string, result: string, count = 1): void {
    this.#add(NODE_METRICS.calls, [verb, result], count);
  }

  /** The condition that the node is to have. */
  setCondition(status: string, reason: string): void {
    this.#values.delete(NODE_METRICS.condition.name);
    this.#add(NODE_METRICS.condition, [status, reason], 1);
  }

  /** The text. */
  scrape(): string {
    return Object.values(NODE_METRICS)
      .map(({ name, type, help }) => {
        const samples = [...(this.#values.get(name) ?? [])].map(([labels, value]) => `${name}${labels} ${value}\n`);
        return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('')}`;
      })
      .join('');
  }

  #add({ name, labelNames }: Metric, labels: readonly string[], amount: number): void {
    const pairs = labelNames.map((label, index) => `${label}="${escapeLabel(labels[index] ?? '')}"`);
    const key = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
    const samples = this.#values.get(name) ?? new Map<string, number>();
    samples.set(key, (samples.get(key) ?? 0) + amount);
    this.#values.set(name, samples);
  }
}

/** Steps that only look: a stop need not wait for them. */
export function isOnlyLooking(step: Step): boolean {
  return step !== 'install' && step !== 'uninstall';
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
