import type { Ranking } from './ranking.ts';
import type { ForeignKind } from './read-log-line.ts';

/** What a decision meant for its Pod. In audit mode nothing is changed or refused, so two of them are conditional. */
export type Result = 'sandboxed' | 'unchanged' | 'denied' | 'wouldBeSandboxed' | 'wouldBeDenied';

/** Decisions of one kind. */
export interface DecisionCount {
  readonly reason: string;
  readonly outcome: string;
  readonly mode: string;
  readonly decisions: number;
}

/** Decisions about one namespace, or asked for by one requester. */
export interface ResultCounts {
  readonly name: string;
  readonly decisions: number;
  readonly sandboxed: number;
  readonly unchanged: number;
  readonly denied: number;
  /** Decided in audit mode only: it would have been sandboxed or denied. */
  readonly auditOnly: number;
}

/** Pods of one name and owner that were not sandboxed, for one reason. */
export interface NotSandboxed {
  /** `namespace/name`, or `namespace/generateName*` where the API server made the rest of the name. */
  readonly pod: string;
  /** `Kind/name`; empty for a Pod without an owner. */
  readonly owner: string;
  readonly result: Exclude<Result, 'sandboxed'>;
  readonly reason: string;
  readonly decisions: number;
}

/** Decisions with at least one finding of a code. */
export interface FindingCount {
  readonly code: string;
  readonly decisions: number;
}

/** Decisions by one policy. */
export interface PolicyCount {
  readonly policyDigest: string;
  readonly decisions: number;
}

/** What the logs say. Dry runs count as decisions, but are not in `notSandboxed`: no Pod came of them. */
export interface AuditSummary {
  readonly decisions: number;
  readonly dryRuns: number;
  /** Records that were there more than once, such as in two files; each counts once. */
  readonly repeated: number;
  /** Records that the filters left out. */
  readonly filteredOut: number;
  /** Times of the first and the last decision, RFC 3339; absent without decisions. */
  readonly period?: { readonly first: string; readonly last: string };
  /** Absent without decisions. */
  readonly durationMilliseconds?: { readonly p50: number; readonly p99: number };
  readonly byReason: Ranking<DecisionCount>;
  readonly byNamespace: Ranking<ResultCounts>;
  readonly byRequester: Ranking<ResultCounts>;
  readonly notSandboxed: Ranking<NotSandboxed>;
  readonly findings: Ranking<FindingCount>;
  /** Findings that records only count, without their code. */
  readonly findingsOmitted: number;
  readonly policyDigests: Ranking<PolicyCount>;
  /** Lines that are no readable decision, by kind. */
  readonly foreignLines: Readonly<Record<ForeignKind, number>>;
}
