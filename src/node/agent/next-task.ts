import { isProved } from '../marks/standing.ts';
import type { AgentState } from './agent-state.ts';
import type { Step } from './step-report.ts';

/** What is to be done: a step now, or nothing before a time. */
export interface NextTask {
  readonly step: Step | undefined;
  /** Milliseconds of the agent's clock; undefined when only something that happens can change it. */
  readonly wakeAt: number | undefined;
}

const NOTHING: NextTask = { step: undefined, wakeAt: undefined };

/** What is to be done next: one step at a time, a function of what is known and of the time. */
export function nextTask(state: AgentState, now: number): NextTask {
  const { node, task, isStopping } = state;
  if (isStopping || task !== undefined || node === undefined) return NOTHING;
  switch (node.wish) {
    case 'install':
      return nextOfInstall(state, now);
    case 'remove':
      return nextOfRemoval(state, now);
    case 'none':
      return NOTHING;
    default:
      return node.wish satisfies never;
  }
}

function nextOfInstall(state: AgentState, now: number): NextTask {
  const { stage, retries } = state;
  const proof = dueHandlers(state).length > 0 ? from('prove', retries.prove.notBefore, now) : NOTHING;
  if (stage.kind !== 'present') return sooner(from('install', retries.install.notBefore, now), proof);
  return sooner(nextLook(state, now), proof);
}

/** A look, or the repair that a look asks for. */
function nextLook({ suspicion, contestedUntil = 0, lookAt }: AgentState, now: number): NextTask {
  if (suspicion?.isConfirmed === true) return from('install', contestedUntil, now);
  return from('verify', suspicion === undefined ? lookAt : now, now);
}

/**
 * The handlers that are to be proved. A node that could not be installed or repaired is proved as far as it has labels,
 * so that none is kept by never looking.
 */
export function dueHandlers({ stage, standings }: AgentState): readonly string[] {
  if (stage.kind === 'present') {
    return stage.installed.handlers.map(({ name }) => name).filter(name => standings[name]?.isDue !== false);
  }
  if (stage.kind !== 'blocked') return [];
  return Object.entries(standings).flatMap(([name, { isDue, label }]) => (isDue && label === 'held' ? [name] : []));
}

function nextOfRemoval({ stage, retries, node }: AgentState, now: number): NextTask {
  if (stage.kind === 'absent') return NOTHING;
  if (stage.kind !== 'leaving' || !stage.isClear) return from('look', retries.remove.notBefore, now);
  // The label is gone first: the marks see to that, and the Node will show it.
  return node !== undefined && node.labelled.length > 0 ? NOTHING : from('uninstall', retries.remove.notBefore, now);
}

function from(step: Step, notBefore: number, now: number): NextTask {
  if (notBefore <= now) return { step, wakeAt: undefined };
  return { step: undefined, wakeAt: Number.isFinite(notBefore) ? notBefore : undefined };
}

/** The first of two that can be done now, else the earlier time. */
function sooner(first: NextTask, second: NextTask): NextTask {
  if (first.step !== undefined) return first;
  if (second.step !== undefined) return second;
  const times = [first.wakeAt, second.wakeAt].filter(time => time !== undefined);
  return { step: undefined, wakeAt: times.length === 0 ? undefined : Math.min(...times) };
}

/** True when every handler of the policy was proved and nothing speaks against it. */
export function isReady({ stage, standings }: AgentState): boolean {
  if (stage.kind !== 'present') return false;
  const { handlers } = stage.installed;
  return (
    handlers.length > 0 &&
    handlers.every(({ name }) => {
      const standing = standings[name];
      return standing !== undefined && isProved(standing);
    })
  );
}
