import { backOffDelay } from '../../kube/retry.ts';
import type { Instant, Retry } from './agent-state.ts';
import type { Trouble } from './step-report.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** First and longest wait, in milliseconds. */
interface Waits {
  readonly first: number;
  readonly longest: number;
}

/** A failure may pass; what refuses the node stays until somebody changes it, and then the Node mostly shows it. */
const FAILED: Waits = { first: 30 * SECOND, longest: 30 * MINUTE };
const REFUSED: Waits = { first: HOUR, longest: HOUR };
/** Another installer, or a runtime that just starts. */
const SOON: Waits = { first: 10 * SECOND, longest: 5 * MINUTE };
/** Sandboxes that are in the way of a removal end whenever they end; a look costs no call. */
const SANDBOXES: Waits = { first: 30 * SECOND, longest: 5 * MINUTE };
const PROOF: Waits = { first: MINUTE, longest: 30 * MINUTE };
const MARK: Waits = { first: 2 * SECOND, longest: 5 * MINUTE };

/** Refusals and failures that pass by themselves. */
const PASSING: readonly string[] = [
  'Busy',
  'ContainerdUnreachable',
  'SystemdUnreachable',
  'Interrupted',
  'ConfigurationChangedMeanwhile',
];

/** An hour, give or take a quarter: nodes that started together do not look together. */
export function nextLook({ now, random }: Instant): number {
  return now + HOUR * (0.75 + random / 2);
}

/** Repairs are counted for so long. */
export const REPAIR_WINDOW = HOUR;
/** After so many within that time, somebody else is at work. */
export const MAXIMUM_REPAIRS = 3;

/** Proofs are counted for so long. */
export const PROOF_WINDOW = HOUR;
const FIRST_SPACE = 10 * SECOND;
const LONGEST_SPACE = 30 * MINUTE;

/** The least time until the next proof, by the number of those within the last hour: about ten of them fit in. */
export function spacingOf(proofs: number): number {
  return Math.min(LONGEST_SPACE, FIRST_SPACE * 2 ** (proofs - 1));
}

/** True for trouble that mostly passes by itself, such as that of a node that just boots. */
export function isPassing({ reason }: Trouble): boolean {
  return PASSING.includes(reason);
}

/** The next try of an install. */
export function afterTrouble(retry: Retry, trouble: Trouble, instant: Instant): Retry {
  if (isPassing(trouble)) return later(retry, SOON, instant);
  return later(retry, trouble.outcome === 'refused' ? REFUSED : FAILED, instant);
}

/** The next try of a removal. */
export function afterRefusedRemoval(retry: Retry, trouble: Trouble, instant: Instant): Retry {
  return trouble.reason === 'SandboxesPresent'
    ? later(retry, SANDBOXES, instant)
    : afterTrouble(retry, trouble, instant);
}

/** The next proof, after one that was not passed. */
export function afterProof(retry: Retry, instant: Instant): Retry {
  return later(retry, PROOF, instant);
}

/** The next try to mark the node. */
export function afterMark(retry: Retry, instant: Instant): Retry {
  return later(retry, MARK, instant);
}

function later({ failures }: Retry, { first, longest }: Waits, { now, random }: Instant): Retry {
  const next = failures + 1;
  return { failures: next, notBefore: now + backOffDelay({ failures: next, first, longest, random }) };
}
