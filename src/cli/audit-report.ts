import type { AuditSummary, NotSandboxed, ResultCounts } from '../record/audit-summary.ts';
import type { Ranking } from '../record/ranking.ts';
import { FOREIGN_KINDS, type ForeignKind } from '../record/read-log-line.ts';
import { renderTable } from './table.ts';

/** How a person reads a result. */
const RESULT_WORDS: Readonly<Record<NotSandboxed['result'], string>> = {
  unchanged: 'unchanged',
  denied: 'denied',
  wouldBeSandboxed: 'audit only: would be sandboxed',
  wouldBeDenied: 'audit only: would be denied',
};

/** How a person reads the kind of a line that is no decision. */
const FOREIGN_WORDS: Readonly<Record<ForeignKind, string>> = {
  otherLogLine: 'of gvisor-injector, but no decision',
  otherJson: 'of another program, as JSON',
  text: 'of another program, as text',
  brokenJson: 'broken or cut JSON',
  incompleteRecord: 'decision record with a field missing or of another type',
  otherRecordVersion: 'decision record of another version, for another release of this command',
  tooLong: 'too long for a record',
};

/** A summary as tables for people, ended by a newline. Every name in it is printable. */
export function renderAudit(summary: AuditSummary): string {
  const sections = summary.decisions === 0 ? [emptySentence(summary)] : [overview(summary), ...tables(summary)];
  const foreign = foreignSentence(summary);
  return [...sections, ...(foreign === undefined ? [] : [foreign])].join('\n');
}

function emptySentence({ filteredOut }: AuditSummary): string {
  if (filteredOut === 0) return 'No decision was found: the input holds no decision record\n';
  return `No decision is left: the filters left out ${counted(filteredOut, 'decision record')}\n`;
}

function overview(summary: AuditSummary): string {
  const { decisions, dryRuns, repeated, filteredOut, period, durationMilliseconds, policyDigests } = summary;
  const digests = policyDigests.top.map(({ policyDigest, decisions: share }) => `${policyDigest} (${share})`);
  const lines = [
    `${counted(decisions, 'decision')}${period === undefined ? '' : ` from ${period.first} to ${period.last}`}`,
    ...(dryRuns === 0 ? [] : [counted(dryRuns, 'of them was a dry run', 'of them were dry runs')]),
    ...(repeated === 0 ? [] : [`${counted(repeated, 'record')} left out: there more than once`]),
    ...(filteredOut === 0 ? [] : [`${counted(filteredOut, 'record')} left out by the filters`]),
    ...(durationMilliseconds === undefined
      ? []
      : [`Duration: p50 ${durationMilliseconds.p50} ms, p99 ${durationMilliseconds.p99} ms`]),
    `Policy digest: ${digests.join(', ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

function tables(summary: AuditSummary): readonly string[] {
  return [
    section('Decisions', summary.byReason, {
      columns: ['decisions', 'reason', 'outcome', 'mode'],
      cells: ({ decisions, reason, outcome, mode }) => [`${decisions}`, reason, outcome, mode],
    }),
    section('Namespaces', summary.byNamespace, resultCells('namespace')),
    section('Requesters', summary.byRequester, resultCells('requester')),
    ...(summary.notSandboxed.top.length === 0
      ? [`Every Pod was sandboxed${summary.dryRuns === 0 ? '' : ', dry runs aside'}\n`]
      : [section('Not sandboxed, and why', summary.notSandboxed, NOT_SANDBOXED_CELLS)]),
    ...(summary.findings.top.length === 0 ? [] : [findings(summary)]),
  ];
}

interface Cells<Entry> {
  readonly columns: readonly string[];
  readonly cells: (entry: Entry) => readonly string[];
}

const NOT_SANDBOXED_CELLS: Cells<NotSandboxed> = {
  columns: ['decisions', 'result', 'reason', 'pod', 'owner'],
  cells: ({ decisions, result, reason, pod, owner }) => [
    `${decisions}`,
    RESULT_WORDS[result],
    reason,
    pod,
    owner === '' ? '-' : owner,
  ],
};

function resultCells(column: string): Cells<ResultCounts> {
  return {
    columns: ['decisions', 'sandboxed', 'unchanged', 'denied', 'audit only', column],
    cells: ({ decisions, sandboxed, unchanged, denied, auditOnly, name }) => [
      ...[decisions, sandboxed, unchanged, denied, auditOnly].map(String),
      name,
    ],
  };
}

function findings(summary: AuditSummary): string {
  const table = section('Findings', summary.findings, {
    columns: ['decisions', 'code'],
    cells: ({ decisions, code }) => [`${decisions}`, code],
  });
  const { findingsOmitted } = summary;
  return findingsOmitted === 0
    ? table
    : `${table}and ${counted(findingsOmitted, 'more finding')} that the records do not name\n`;
}

function section<Entry>(title: string, ranking: Ranking<Entry>, { columns, cells }: Cells<Entry>): string {
  const { moreEntries, moreDecisions, isComplete } = ranking;
  const more =
    moreEntries === 0
      ? ''
      : `and ${isComplete ? '' : 'at least '}${moreEntries} more, with ${counted(moreDecisions, 'decision')}\n`;
  return `${title}\n${renderTable(columns, ranking.top.map(cells))}${more}`;
}

function foreignSentence({ foreignLines }: AuditSummary): string | undefined {
  const rows = FOREIGN_KINDS.filter(kind => foreignLines[kind] > 0).map(kind => [
    String(foreignLines[kind]),
    FOREIGN_WORDS[kind],
  ]);
  return rows.length === 0 ? undefined : `Other lines\n${renderTable(['lines', 'what'], rows)}`;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
