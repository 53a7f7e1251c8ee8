import type { NodeView } from '../marks/node-view.ts';
import type { Standing } from '../marks/standing.ts';
import type { EndedStep, Step, Trouble } from './step-report.ts';

/** What an install left on the node. */
export interface Installed {
  readonly release: string;
  readonly handlers: readonly { readonly name: string; readonly adopted: boolean }[];
}

/**
 * Where the node stands.
 *
 * `unknown`: not looked at yet, by this process. `present`: installed. `blocked`: the last install was refused, or failed.
 * `leaving`: to be removed; `isClear` once no sandbox was in the way. `absent`: removed.
 */
export type Stage =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'present'; readonly installed: Installed }
  | { readonly kind: 'blocked'; readonly trouble: Trouble; readonly installed: Installed | undefined }
  | { readonly kind: 'leaving'; readonly isClear: boolean; readonly trouble: Trouble | undefined }
  | { readonly kind: 'absent' };

/** Tries of something that did not succeed, and from when on it may be tried again. */
export interface Retry {
  /** In a row. */
  readonly failures: number;
  /** Milliseconds of the agent's clock. */
  readonly notBefore: number;
}

/** Why the node is to be looked at: a file that changed, or what a look found. */
export interface Suspicion {
  /** A look found the host not as it should be: it is to be repaired. */
  readonly isConfirmed: boolean;
  /** What changed or what is wrong, without a full stop. */
  readonly what: string;
}

/** A repair that was made. */
export interface Repair {
  /** Milliseconds of the agent's clock. */
  readonly at: number;
  readonly what: string;
}

/** Everything that the agent knows; a value, changed by `step()` alone. */
export interface AgentState {
  /** The host's boot id. A node that booted anew is proved anew. */
  readonly bootId: string;
  /** Undefined until the Node was seen, and while there is none. */
  readonly node: NodeView | undefined;
  readonly stage: Stage;
  /** The step that runs. */
  readonly task: Step | undefined;
  /** By handler. */
  readonly standings: Readonly<Record<string, Standing>>;
  readonly suspicion: Suspicion | undefined;
  /** Of the last hour. */
  readonly repairs: readonly Repair[];
  /** When proofs ended within the last hour, in milliseconds of the agent's clock. */
  readonly proofs: readonly number[];
  /** Somebody else writes what we write, so that no repair is made before this time. */
  readonly contestedUntil: number | undefined;
  /** When the node is looked at next without a reason. */
  readonly lookAt: number;
  readonly retries: Readonly<Record<'install' | 'look' | 'prove' | 'remove' | 'mark', Retry>>;
  /** The first look at the node is done. */
  readonly hasLooked: boolean;
  readonly isStopping: boolean;
}

/** Something that happened. */
export type AgentEvent =
  | { readonly kind: 'nodeSeen'; readonly node: NodeView }
  | { readonly kind: 'nodeGone' }
  | { readonly kind: 'stepEnded'; readonly ended: EndedStep }
  | { readonly kind: 'driftFound'; readonly what: string }
  | { readonly kind: 'marked' }
  | { readonly kind: 'markFailed' }
  | { readonly kind: 'apiRecovered' }
  /** Time has passed. */
  | { readonly kind: 'timer' }
  /** SIGTERM: to end, and to change nothing. */
  | { readonly kind: 'stop' };

/** When, and how the dice fell. */
export interface Instant {
  /** Milliseconds since any fixed instant; never goes back. */
  readonly now: number;
  /** From 0 to 1. */
  readonly random: number;
}

/** Nothing failed yet. */
export const NO_RETRY: Retry = { failures: 0, notBefore: 0 };

/** The state at the start. */
export function initialState(bootId: string): AgentState {
  return {
    bootId,
    node: undefined,
    stage: { kind: 'unknown' },
    task: undefined,
    standings: {},
    suspicion: undefined,
    repairs: [],
    proofs: [],
    contestedUntil: undefined,
    lookAt: Number.POSITIVE_INFINITY,
    retries: { install: NO_RETRY, look: NO_RETRY, prove: NO_RETRY, remove: NO_RETRY, mark: NO_RETRY },
    hasLooked: false,
    isStopping: false,
  };
}

/** The handlers that the policy wants, as far as an install has told. */
export function installedOf({ stage }: AgentState): Installed | undefined {
  return stage.kind === 'present' || stage.kind === 'blocked' ? stage.installed : undefined;
}

/** All standings, changed. */
export function mapStandings(
  { standings }: AgentState,
  change: (standing: Standing) => Standing,
): AgentState['standings'] {
  return Object.fromEntries(Object.entries(standings).map(([name, standing]) => [name, change(standing)]));
}
