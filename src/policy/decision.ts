import type { Target } from './admission-path.ts';
import type { Finding } from './finding.ts';
import type { PatchOperation } from './patch.ts';
import type { Pod } from './pod.ts';
import type { Policy } from './policy.ts';

/** Every reason code, in the order of the precedence table. Retired codes are never reused. */
export const REASONS = [
  'MirrorPod',
  'NotRequested',
  'NamespaceExempt',
  'OptedOut',
  'OptOutForbidden',
  'UnknownProfile',
  'RuntimeClassConflict',
  'ProfileForbidden',
  'NodeSelectorConflict',
  'RuntimeFlagForbidden',
  'Incompatible',
  'AlreadySandboxed',
  'Sandboxed',
] as const;

/** Why a decision was made: the row of the precedence table. */
export type Reason = (typeof REASONS)[number];

/** What becomes of the Pod: left as it is, patched, or refused. */
export const OUTCOMES = ['allowed', 'patched', 'denied'] as const;

/** What becomes of the Pod. */
export type Outcome = (typeof OUTCOMES)[number];

/** What is asked of `decide()`. */
export interface Question {
  readonly policy: Policy;
  /** Why the API server asked. Its profile must be one of the policy's. */
  readonly target: Target;
  /** The namespace of the request, not of the object: older API servers leave the latter empty. */
  readonly namespace: string;
  readonly pod: Pod;
  /** Who creates the Pod; absent offline. */
  readonly requester?: Requester;
}

/** The authenticated user behind a request. */
export interface Requester {
  readonly username: string;
  readonly groups: readonly string[];
}

/** What the policy says of one Pod. A patch is there only when the outcome is `patched`. */
export interface Decision {
  readonly outcome: Outcome;
  readonly reason: Reason;
  /** For a person: what was decided, and after a denial what to do next. One printable line. */
  readonly message: string;
  /** The profile that was asked for, where one is known. */
  readonly profile: string | undefined;
  /** Empty where the Pod is not to be sandboxed at all. */
  readonly findings: readonly Finding[];
  /** For the person at the client: each printable and at most 120 characters. */
  readonly warnings: readonly string[];
  readonly patch: readonly PatchOperation[];
}
