import type { NodeView } from '../marks/node-view.ts';
import { forget, giveBack, seeLabel } from '../marks/standing.ts';
import { afterStep } from './after-step.ts';
import { type AgentEvent, type AgentState, type Instant, installedOf, mapStandings, NO_RETRY } from './agent-state.ts';
import { afterMark } from './patience.ts';

/** The state after something happened. */
export function afterEvent(state: AgentState, event: AgentEvent, instant: Instant): AgentState {
  switch (event.kind) {
    case 'nodeSeen':
      return afterNode(state, event.node);
    case 'nodeGone':
      return { ...state, node: undefined };
    case 'stepEnded':
      return afterStep({ ...state, task: undefined, hasLooked: true }, event.ended, instant);
    case 'driftFound':
      return afterDrift(state, event.what);
    case 'marked':
    case 'apiRecovered':
      return { ...state, retries: { ...state.retries, mark: NO_RETRY } };
    case 'markFailed':
      return { ...state, retries: { ...state.retries, mark: afterMark(state.retries.mark, instant) } };
    case 'stop':
      return { ...state, isStopping: true };
    case 'timer':
      return state;
    default:
      return event satisfies never;
  }
}

function afterNode(before: AgentState, node: NodeView): AgentState {
  const state = { ...before, node, standings: standingsAfter(before, node) };
  const wished = before.node?.wish === node.wish ? state : afterWish(state, node);
  const isOtherMachine = before.node !== undefined && before.node.machine !== node.machine;
  return isOtherMachine ? { ...wished, retries: { ...wished.retries, install: NO_RETRY, remove: NO_RETRY } } : wished;
}

/** Every handler that has a label, is wanted, or was known before. */
function standingsAfter(state: AgentState, { labelled }: NodeView): AgentState['standings'] {
  const wanted = installedOf(state)?.handlers.map(({ name }) => name) ?? [];
  const names = new Set([...Object.keys(state.standings), ...wanted, ...labelled]);
  return Object.fromEntries([...names].map(name => [name, seeLabel(state.standings[name], labelled.includes(name))]));
}

/** Somebody wants something else of the node than before, or it is the first time that we see it. */
function afterWish(state: AgentState, { wish }: NodeView): AgentState {
  const anew = { ...state, retries: { ...state.retries, install: NO_RETRY, remove: NO_RETRY }, suspicion: undefined };
  switch (wish) {
    case 'remove':
      return { ...anew, stage: { kind: 'leaving', isClear: false, trouble: undefined } };
    case 'install':
      return afterSecondThought(anew);
    case 'none':
      return { ...state, hasLooked: true };
    default:
      return wish satisfies never;
  }
}

/** What was lifted for a removal that has not begun comes back; whatever a removal that has begun left, an install finds out. */
function afterSecondThought(state: AgentState): AgentState {
  const { stage, task } = state;
  if (stage.kind === 'absent') return { ...state, stage: { kind: 'unknown' }, standings: mapStandings(state, forget) };
  if (stage.kind !== 'leaving') return state;
  const unknown = { ...state, stage: { kind: 'unknown' } as const };
  if (task === 'uninstall') return unknown;
  return { ...unknown, standings: mapStandings(state, giveBack) };
}

/** While others fight us for a file, or what is wrong is known, one more change is no news. */
function afterDrift(state: AgentState, what: string): AgentState {
  if (state.suspicion !== undefined || state.stage.kind !== 'present') return state;
  return { ...state, suspicion: { isConfirmed: false, what } };
}
