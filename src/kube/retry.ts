import type { KubeError } from './kube-error.ts';

/** Tries of one call, the first included. */
export const MAXIMUM_TRIES = 4;

const FIRST_DELAY_MILLISECONDS = 500;
const LONGEST_DELAY_MILLISECONDS = 8000;
/** A server that asks for more is asked again at the next occasion instead. */
const LONGEST_REQUESTED_SECONDS = 60;

/** A call that did not succeed. */
export interface FailedTry {
  readonly error: KubeError;
  /** Tries until now, at least 1. */
  readonly tries: number;
  /** True when it does no harm to do it twice. */
  readonly idempotent: boolean;
  /** From 0 to 1. */
  readonly random: number;
}

/** Milliseconds until the next try; undefined when there is to be none. */
export function retryDelay({ error, tries, idempotent, random }: FailedTry): number | undefined {
  if (tries >= MAXIMUM_TRIES || !isWorthRetrying(error, idempotent)) return undefined;
  const asked = error.retryAfterSeconds ?? 0;
  if (asked > LONGEST_REQUESTED_SECONDS) return undefined;
  const backOff = backOffDelay({
    failures: tries,
    first: FIRST_DELAY_MILLISECONDS,
    longest: LONGEST_DELAY_MILLISECONDS,
    random,
  });
  // Not before the time that was asked for, and not all who were turned away at the same moment.
  return asked * 1000 + backOff;
}

/** A token that has just expired is read anew by the next try; whoever may not, or asks for nonsense, need not ask again. */
function isWorthRetrying({ failure, untouched }: KubeError, idempotent: boolean): boolean {
  switch (failure) {
    case 'TooManyRequests':
    case 'Unauthorized':
      return true;
    case 'Unreachable':
      return idempotent || untouched;
    case 'ServerFailed':
      return idempotent;
    default:
      return false;
  }
}

/** A delay that doubles with each failure. */
export interface BackOff {
  /** In a row, at least 1. */
  readonly failures: number;
  readonly first: number;
  readonly longest: number;
  /** From 0 to 1: the delay is between half of it and all of it. */
  readonly random: number;
}

/** The delay before the next try, in the unit of `first`, never more than `longest`. */
export function backOffDelay({ failures, first, longest, random }: BackOff): number {
  const delay = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return delay * (0.5 + random / 2);
}
