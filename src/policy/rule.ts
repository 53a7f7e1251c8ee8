import type { Outcome, Question, Reason } from './decision.ts';
import type { Finding } from './finding.ts';
import type { PatchOperation } from './patch.ts';
import type { Profile } from './policy.ts';
import { printable } from './printable.ts';

/** What the first six rows know. */
export interface RequestFacts extends Question {
  /** The profile that the Namespace label asks for. */
  readonly label: string | undefined;
  /** The value of the Pod's sandbox annotation. */
  readonly annotation: string | undefined;
}

/** What the other rows know: there is a profile to judge the Pod by. */
export interface SandboxFacts extends RequestFacts {
  readonly profile: Profile;
  readonly findings: readonly Finding[];
  /** What the Pod lacks; meaningless once a row has found a conflict. */
  readonly patch: readonly PatchOperation[];
}

/** What a row says when it matches. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly message: string;
  readonly warnings?: readonly string[];
}

/** One row of the precedence table: a verdict, or undefined when the row does not match. */
export interface Rule<Facts> {
  readonly reason: Reason;
  readonly judge: (facts: Facts) => Verdict | undefined;
}

/** How many items a sentence lists before it says how many more there are. */
const LISTED = 10;
const VALUE_LENGTH = 80;

/** A user's value in a sentence: quoted, printable and short. */
export function quote(value: unknown): string {
  return `"${printable(typeof value === 'string' ? value : JSON.stringify(value), VALUE_LENGTH)}"`;
}

/** Items in a sentence; beyond ten of them, how many were left out. */
export function list(items: readonly string[], separator = ', '): string {
  const rest = items.length - LISTED;
  const shown = rest > 0 ? [...items.slice(0, LISTED), `and ${rest} more`] : items;
  return shown.join(separator);
}
