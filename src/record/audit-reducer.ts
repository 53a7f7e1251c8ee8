import type {
  AuditSummary,
  DecisionCount,
  FindingCount,
  NotSandboxed,
  PolicyCount,
  Result,
  ResultCounts,
} from './audit-summary.ts';
import { createPercentiles, type Percentiles } from './percentiles.ts';
import { createTally, type Tally } from './ranking.ts';
import { type ForeignKind, type LineReading, type ReadDecision, readLogLine } from './read-log-line.ts';

/** Which decisions to count. */
export interface AuditOptions {
  /** Longest list of namespaces, requesters and Pods. @default {10} */
  readonly top?: number;
  /** Earliest time that counts, milliseconds since the epoch. */
  readonly since?: number;
  /** First time that no longer counts, milliseconds since the epoch. */
  readonly until?: number;
  /** Namespaces that count; all when absent. */
  readonly namespaces?: ReadonlySet<string>;
}

/** Adds up a log line by line; its memory is bounded, however long the log. */
export interface AuditReducer {
  /** @param line a line without its newline, or undefined for one that is too long to look at */
  readonly add: (line: string | undefined) => void;
  readonly summary: () => AuditSummary;
}

/** Longest list of namespaces, requesters and Pods, unless asked otherwise. */
export const DEFAULT_TOP = 10;

/** Reason codes, finding codes and digests are few; only a log that is not ours could have more. */
const MAXIMUM_CODES = 50;

/** Request uids kept to recognise a record that is there twice: some 100 MB at most; the oldest are forgotten first. */
const MAXIMUM_UIDS = 1_000_000;

/** Starts an empty summary. */
export function createAuditReducer(options: AuditOptions = {}): AuditReducer {
  const counters = createCounters();
  return {
    add: line => addReading(counters, line === undefined ? TOO_LONG : readLogLine(line), options),
    summary: () => toSummary(counters, options.top ?? DEFAULT_TOP),
  };
}

const TOO_LONG: LineReading = { kind: 'foreign', foreign: 'tooLong' };

interface Counters {
  decisions: number;
  dryRuns: number;
  repeated: number;
  filteredOut: number;
  findingsOmitted: number;
  first: number;
  last: number;
  readonly uids: Set<string>;
  readonly foreignLines: Record<ForeignKind, number>;
  readonly durations: Percentiles;
  readonly byReason: Tally<DecisionCount>;
  readonly byNamespace: Tally<ResultCounts>;
  readonly byRequester: Tally<ResultCounts>;
  readonly notSandboxed: Tally<NotSandboxed>;
  readonly findings: Tally<FindingCount>;
  readonly policyDigests: Tally<PolicyCount>;
}

function createCounters(): Counters {
  return {
    decisions: 0,
    dryRuns: 0,
    repeated: 0,
    filteredOut: 0,
    findingsOmitted: 0,
    first: Number.POSITIVE_INFINITY,
    last: Number.NEGATIVE_INFINITY,
    uids: new Set(),
    foreignLines: {
      otherLogLine: 0,
      otherJson: 0,
      text: 0,
      brokenJson: 0,
      incompleteRecord: 0,
      otherRecordVersion: 0,
      tooLong: 0,
    },
    durations: createPercentiles(),
    byReason: createTally(),
    byNamespace: createTally(),
    byRequester: createTally(),
    notSandboxed: createTally(),
    findings: createTally(),
    policyDigests: createTally(),
  };
}

function addReading(counters: Counters, reading: LineReading, options: AuditOptions): void {
  if (reading.kind === 'foreign') counters.foreignLines[reading.foreign] += 1;
  if (reading.kind !== 'decision') return;
  const { decision } = reading;
  if (!isWanted(decision, options)) counters.filteredOut += 1;
  else if (counters.uids.has(decision.requestUid)) counters.repeated += 1;
  else addDecision(counters, decision);
}

function isWanted({ time, namespace }: ReadDecision, { since, until, namespaces }: AuditOptions): boolean {
  if (since !== undefined && time < since) return false;
  if (until !== undefined && time >= until) return false;
  return namespaces === undefined || namespaces.has(namespace);
}

function addDecision(counters: Counters, decision: ReadDecision): void {
  rememberUid(counters.uids, decision.requestUid);
  const { time, reason, outcome, mode, policyDigest } = decision;
  counters.decisions += 1;
  counters.dryRuns += decision.dryRun ? 1 : 0;
  counters.findingsOmitted += decision.findingsOmitted ?? 0;
  counters.first = Math.min(counters.first, time);
  counters.last = Math.max(counters.last, time);
  counters.durations.add(decision.durationMilliseconds);
  counters.byReason.add([reason, outcome, mode], one({ reason, outcome, mode }));
  counters.policyDigests.add([policyDigest], one({ policyDigest }));
  for (const code of new Set(decision.findings.map(finding => finding.code))) {
    counters.findings.add([code], one({ code }));
  }
  const result = resultOf(decision);
  counters.byNamespace.add([decision.namespace], withResult(decision.namespace, result));
  counters.byRequester.add([decision.requester], withResult(decision.requester, result));
  if (result !== 'sandboxed' && !decision.dryRun) addNotSandboxed(counters.notSandboxed, decision, result);
}

/** An empty uid tells nothing apart. */
function rememberUid(uids: Set<string>, uid: string): void {
  if (uid === '') return;
  if (uids.size >= MAXIMUM_UIDS) {
    for (const oldest of uids) {
      uids.delete(oldest);
      break;
    }
  }
  uids.add(uid);
}

/** Whatever is not known to be sandboxed or refused was left as it was: a newer webhook may have further outcomes. */
function resultOf({ outcome, reason, mode }: ReadDecision): Result {
  const isAudit = mode === 'audit';
  if (outcome === 'denied') return isAudit ? 'wouldBeDenied' : 'denied';
  if (outcome === 'patched') return isAudit ? 'wouldBeSandboxed' : 'sandboxed';
  return reason === 'AlreadySandboxed' ? 'sandboxed' : 'unchanged';
}

function addNotSandboxed(
  tally: Tally<NotSandboxed>,
  decision: ReadDecision,
  result: Exclude<Result, 'sandboxed'>,
): void {
  const { reason } = decision;
  const pod = podName(decision);
  const owner = [decision.ownerKind, decision.ownerName].filter(part => part !== undefined).join('/');
  tally.add([pod, owner, result, reason], one({ pod, owner, result, reason }));
}

function podName({ namespace, name, generateName }: ReadDecision): string {
  const ownName = name ?? (generateName === undefined ? '(unnamed)' : `${generateName}*`);
  return `${namespace}/${ownName}`;
}

function one<Fields extends object>(fields: Fields) {
  return (entry: { readonly decisions: number } | undefined) => ({ ...fields, decisions: (entry?.decisions ?? 0) + 1 });
}

const NO_RESULTS = { sandboxed: 0, unchanged: 0, denied: 0, auditOnly: 0 };

function withResult(name: string, result: Result) {
  const column = result === 'wouldBeSandboxed' || result === 'wouldBeDenied' ? 'auditOnly' : result;
  return (entry: ResultCounts | undefined): ResultCounts => {
    const counts = entry ?? { name, decisions: 0, ...NO_RESULTS };
    return { ...counts, decisions: counts.decisions + 1, [column]: counts[column] + 1 };
  };
}

function toSummary(counters: Counters, top: number): AuditSummary {
  const { decisions, dryRuns, repeated, filteredOut, findingsOmitted, foreignLines } = counters;
  return {
    decisions,
    dryRuns,
    repeated,
    filteredOut,
    ...(decisions === 0 ? {} : span(counters)),
    byReason: counters.byReason.rank(MAXIMUM_CODES),
    byNamespace: counters.byNamespace.rank(top),
    byRequester: counters.byRequester.rank(top),
    notSandboxed: counters.notSandboxed.rank(top),
    findings: counters.findings.rank(MAXIMUM_CODES),
    findingsOmitted,
    policyDigests: counters.policyDigests.rank(MAXIMUM_CODES),
    foreignLines: { ...foreignLines },
  };
}

function span({ first, last, durations }: Counters): Pick<AuditSummary, 'period' | 'durationMilliseconds'> {
  return {
    period: { first: new Date(first).toISOString(), last: new Date(last).toISOString() },
    durationMilliseconds: { p50: durations.at(0.5) ?? 0, p99: durations.at(0.99) ?? 0 },
  };
}
