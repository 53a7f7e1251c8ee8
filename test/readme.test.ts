import { readFileSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';
import t from 'tap';
import { ERROR_CODES, EXIT_CODES } from '../src/errors/user-error.ts';
import { METRICS_PORT, WEBHOOK_PORT } from '../src/manifest/names.ts';
import { NODE_METRICS } from '../src/node/agent/agent-metrics.ts';
import { AGENT_REASONS } from '../src/node/agent/agent-reason.ts';
import { NODE_REASONS } from '../src/node/reason.ts';
import { admissionPath, admissionTargets } from '../src/policy/admission-path.ts';
import { OUTCOMES, REASONS } from '../src/policy/decision.ts';
import { findAll } from '../src/policy/find-all.ts';
import { FINDING_CODES } from '../src/policy/finding.ts';
import { auditKey, DEFAULT_SANDBOX_KEY, handlerLabel, optOutKey } from '../src/policy/keys.ts';
import { readPod } from '../src/policy/pod.ts';
import { PolicySchema } from '../src/policy/schema.ts';
import { DecisionRecordSchema } from '../src/record/decision-record.ts';
import { METRICS_PATH } from '../src/webhook/metrics-server.ts';
import { METRICS } from '../src/webhook/metrics.ts';
import { PROBE_PATHS } from '../src/webhook/probes.ts';
import { REFUSALS } from '../src/webhook/refusal.ts';

const FILE = 'README.md';

/** Rows of the table under a heading, cells without backticks; the two lines of its head are left out. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const section = sectionOf(heading);
  const rows = section.split('\n').filter(line => line.startsWith('|'));
  return rows.slice(2).map(line =>
    line
      .slice(1, -1)
      .split('|')
      .map(cell => cell.trim().replaceAll('`', '')),
  );
}

function sectionOf(heading: string): string {
  const text = readFileSync(FILE, 'utf8');
  const start = text.indexOf(`\n### ${heading}\n`);
  if (start < 0) throw new Error(`README.md has no section ${heading}`);
  const end = text.slice(start + 1).search(/\n##+ /);
  return text.slice(start + 1, end < 0 ? undefined : start + 1 + end);
}

/** Holds a table to rows that the code has; UPDATE_FIXTURES=1 writes them. */
function expectTable(t: Pick<Tap, 'strictSame'>, heading: string, rows: readonly (readonly string[])[]): void {
  if (process.env['UPDATE_FIXTURES'] === '1') {
    const section = sectionOf(heading);
    const [head = '', rule = ''] = section.split('\n').filter(line => line.startsWith('|'));
    const before = section.slice(0, section.indexOf(head));
    const body = rows.map(cells => `| ${cells.join(' | ')} |`).join('\n');
    const text = readFileSync(FILE, 'utf8').replace(section, () => `${before}${head}\n${rule}\n${body}\n`);
    writeFileSync(FILE, text);
  }
  t.strictSame(
    tableUnder(heading),
    rows.map(cells => cells.map(cell => cell.replaceAll('`', ''))),
    heading,
  );
}

type Tap = typeof t;

t.test('README has every field of the record, with its meaning', t => {
  const { entries } = DecisionRecordSchema.pipe[0];
  const rows = Object.entries(entries).map(([name, schema]) => {
    const described = schema.type === 'exact_optional' ? schema.wrapped : schema;
    return [`\`${name}\``, v.getDescription(described) ?? 'it has no description'];
  });
  t.notOk(rows.some(([, description]) => description === 'it has no description'));
  expectTable(t, 'Record', rows);
  t.end();
});

t.test('README has every metric, with its labels and meaning', t => {
  const rows = Object.values(METRICS).map(({ name, labelNames, help }) => [
    `\`${name}\``,
    labelNames.map(label => `\`${label}\``).join(', '),
    help,
  ]);
  expectTable(t, 'Metrics', rows);
  t.end();
});

t.test('README has the precedence table in the order of the code', t => {
  const rows = tableUnder('Precedence');
  t.strictSame(
    rows.map(row => [row[0], row.at(-1)]),
    REASONS.map((reason, index) => [String(index + 1), reason]),
  );
  for (const [, , outcome = ''] of rows)
    t.ok(
      OUTCOMES.some(word => outcome.startsWith(word)),
      outcome,
    );
  t.end();
});

t.test('README has every key that the code reads or writes', t => {
  const keys = [
    `${DEFAULT_SANDBOX_KEY}: <profile>`,
    `${auditKey(DEFAULT_SANDBOX_KEY)}: <profile>`,
    `${optOutKey(DEFAULT_SANDBOX_KEY)}: allowed`,
    `${DEFAULT_SANDBOX_KEY}: <profile> or none`,
    `${handlerLabel('<handler>')}: ready`,
    `${DEFAULT_SANDBOX_KEY}=<profile>:NoSchedule`,
  ];
  t.strictSame(
    tableUnder('Keys').map(([, key]) => key),
    keys,
  );
  t.end();
});

t.test('README has every path that is served, with its port', t => {
  const mutate = admissionTargets([{ name: '<profile>' }]).map(target => [
    `${WEBHOOK_PORT}, HTTPS`,
    admissionPath(target),
  ]);
  const probes = Object.values(PROBE_PATHS).map(path => ['both', path]);
  const metrics = [[`${METRICS_PORT}, HTTP`, METRICS_PATH]];
  t.strictSame(
    tableUnder('Paths').map(row => row.slice(0, 2)),
    [...mutate, ...probes, ...metrics],
  );
  t.end();
});

t.test('README has every finding with its severity', t => {
  const device = [{ name: 'c', volumeDevices: [{}], volumeMounts: [{ mountPropagation: 'Bidirectional' }] }];
  const spec = {
    hostNetwork: true,
    hostPID: true,
    hostIPC: true,
    nodeName: 'n',
    os: { name: 'windows' },
    containers: device,
  };
  const { pod } = readPod({ metadata: {}, spec });
  const severities = new Map(pod === undefined ? [] : findAll(pod).map(({ code, severity }) => [code, severity]));
  t.strictSame(
    tableUnder('Findings').map(row => row.slice(0, 2)),
    FINDING_CODES.map(code => [code, severities.get(code)]),
  );
  t.end();
});

t.test('README has every key of the policy file', t => {
  const root = PolicySchema.pipe[1].entries;
  const admission = Object.keys(root.admission.wrapped.pipe[1].entries).map(key => `admission.${key}`);
  const profile = Object.keys(root.profiles.pipe[0].item.pipe[1].entries).map(key => `profiles[].${key}`);
  const keys = Object.keys(root).flatMap(key =>
    key === 'admission' ? admission : key === 'profiles' ? [key, ...profile] : [key],
  );
  t.strictSame(
    tableUnder('Policy file').map(([key]) => key),
    keys,
  );
  t.end();
});

t.test('README has every exit code, error code, reason of a node and refusal', t => {
  t.strictSame(
    tableUnder('Exit codes').map(([code]) => Number(code)),
    Object.values(EXIT_CODES),
  );
  t.strictSame(
    tableUnder('Error codes').map(([code, exit]) => [code, Number(exit)]),
    Object.entries(ERROR_CODES),
  );
  t.strictSame(
    tableUnder('Reasons on a node').map(([reason]) => reason),
    NODE_REASONS,
  );
  t.strictSame(
    tableUnder('Reasons of the condition').map(([reason]) => reason),
    AGENT_REASONS,
  );
  t.strictSame(
    tableUnder('Metrics of the node agent').map(([metric]) => metric),
    Object.values(NODE_METRICS).map(({ name }) => name),
  );
  t.strictSame(
    tableUnder('Refusals').map(([code, status]) => [code, Number(status)]),
    Object.entries(REFUSALS),
  );
  t.end();
});
