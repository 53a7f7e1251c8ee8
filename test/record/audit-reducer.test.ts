import * as fc from 'fast-check';
import t from 'tap';
import { type AuditOptions, createAuditReducer } from '../../src/record/audit-reducer.ts';
import { toDecisionRecord } from '../../src/record/decision-record.ts';
import { createLineSplitter } from '../../src/record/line-splitter.ts';
import { createPercentiles } from '../../src/record/percentiles.ts';
import { createTally } from '../../src/record/ranking.ts';
import { type LineReading, readLogLine } from '../../src/record/read-log-line.ts';
import { EXAMPLE, hostileName, linesOf, onlyLine, parseLine, UNPRINTABLE } from './lines.ts';

const RECORD = parseLine(onlyLine(linesOf(log => log.decision(toDecisionRecord(EXAMPLE)))));

/** A decision's line with some fields otherwise; undefined leaves one out. */
function line(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...RECORD, ...fields });
}

function at(time: string, namespace: string): string {
  return line({ requestUid: time + namespace, time, namespace });
}

function summaryOf(lines: readonly (string | undefined)[], options: AuditOptions = {}) {
  const reducer = createAuditReducer(options);
  for (const one of lines) reducer.add(one);
  return reducer.summary();
}

/** What became of a reading, in one word. */
function kindOf(reading: LineReading): string {
  return reading.kind === 'foreign' ? reading.foreign : reading.kind;
}

t.test('readLogLine() says of every line what it is', t => {
  const cases: readonly (readonly [string, string])[] = [
    [line(), 'decision'],
    [`${line()}\r`, 'decision'],
    [`\ufeff${line()}`, 'decision'],
    [`[pod/gvisor-injector-7c9d/serve] ${line()}`, 'decision'],
    [`\ufeff[pod/gvisor-injector-7c9d/serve] ${line()}`, 'decision'],
    [`2026-10-01T08:00:00.123456789Z ${line()}`, 'decision'],
    [`2026-10-01T10:00:00+02:00 ${line()}`, 'decision'],
    [`[pod/gvisor-injector-7c9d/serve] 2026-10-01T08:00:00.1Z ${line()}`, 'decision'],
    [line({ reason: 'Newer', outcome: 'postponed', trigger: 'advise', mode: 'later', extra: { a: [1] } }), 'decision'],
    [line({ findings: [{ code: 'Newer', path: 'x', severity: 'error' }] }), 'decision'],
    [line({ requester: 'x'.repeat(5000) }), 'decision'],
    ['', 'blank'],
    [' \r', 'blank'],
    ['[pod/gvisor-injector-7c9d/serve] ', 'blank'],
    [onlyLine(linesOf(log => log.info('listening', { address: 'x' }))), 'otherLogLine'],
    ['{"severity":"INFO","message":"hello"}', 'otherJson'],
    ['{"message":"admission decision"}', 'otherJson'],
    [line({ recordVersion: 2, requester: undefined }), 'otherRecordVersion'],
    [line({ recordVersion: '1' }), 'otherRecordVersion'],
    [line({ requester: undefined }), 'incompleteRecord'],
    [line({ requester: null }), 'incompleteRecord'],
    [line({ time: 'yesterday' }), 'incompleteRecord'],
    [line({ durationMilliseconds: '1' }), 'incompleteRecord'],
    [line().slice(0, -1), 'brokenJson'],
    ['{'.repeat(100_000), 'brokenJson'],
    ['I1001 08:00:00.000000 1 main.go:1] started', 'text'],
    [`quoted: ${line()}`, 'text'],
    ['null', 'text'],
    ['[1]', 'text'],
  ];
  for (const [text, expected] of cases) t.equal(kindOf(readLogLine(text)), expected, text.slice(0, 200));
  t.end();
});

t.test('readLogLine() makes every text printable, whoever wrote the log', t => {
  fc.assert(
    fc.property(hostileName, hostileName, (name, reason) => {
      const reading = readLogLine(line({ name, reason, namespace: name, findings: [{ code: reason, path: name }] }));
      if (reading.kind !== 'decision') throw new Error('It is a decision');
      const texts = Object.values(reading.decision).filter(value => typeof value === 'string');
      for (const text of [...texts, ...reading.decision.findings.map(({ code }) => code)]) {
        t.notOk(UNPRINTABLE.test(text) || text.length > 253, JSON.stringify(text));
      }
    }),
  );
  t.end();
});

t.test('a line is read the same whatever chunks it arrives in', t => {
  const letters = fc.constantFrom('a', 'é', '\u{1f600}', '\n', '\n\n', '{"a":1}');
  fc.assert(
    fc.property(
      fc.array(letters).map(parts => parts.join('')),
      fc.array(fc.nat(40)),
      (text, cuts) => {
        const bytes = Buffer.from(text);
        const lines: (string | undefined)[] = [];
        const splitter = createLineSplitter(one => lines.push(one));
        const edges = [0, ...cuts.filter(cut => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
        for (const [index, edge] of edges.entries()) splitter.push(bytes.subarray(edges[index - 1] ?? 0, edge));
        splitter.end();
        const expected = text.split('\n');
        t.same(lines, expected.at(-1) === '' ? expected.slice(0, -1) : expected);
      },
    ),
  );
  t.end();
});

t.test('a line that is longer than the limit is undefined, and the next line is read', t => {
  const lines: (string | undefined)[] = [];
  const splitter = createLineSplitter(one => lines.push(one), 8);
  for (const chunk of ['12345678\n123', '456', '789', '0123456', '789', '0\nnext\n', '123456789'])
    splitter.push(Buffer.from(chunk));
  splitter.end();
  t.same(lines, ['12345678', undefined, 'next', undefined]);
  t.equal(summaryOf([undefined]).foreignLines.tooLong, 1);
  t.end();
});

t.test('what became of a Pod follows from outcome, reason and mode', t => {
  const cases = [
    [{ outcome: 'patched', reason: 'Sandboxed' }, 'sandboxed', undefined],
    [{ outcome: 'allowed', reason: 'AlreadySandboxed' }, 'sandboxed', undefined],
    [{ outcome: 'allowed', reason: 'AlreadySandboxed', mode: 'audit' }, 'sandboxed', undefined],
    [{ outcome: 'allowed', reason: 'OptedOut' }, 'unchanged', 'unchanged'],
    [{ outcome: 'allowed', reason: 'MirrorPod', mode: 'audit' }, 'unchanged', 'unchanged'],
    [{ outcome: 'allowed', reason: 'SomethingNewer' }, 'unchanged', 'unchanged'],
    [{ outcome: 'denied', reason: 'Incompatible' }, 'denied', 'denied'],
    [{ outcome: 'denied', reason: 'Incompatible', mode: 'audit' }, 'auditOnly', 'wouldBeDenied'],
    [{ outcome: 'patched', reason: 'Sandboxed', mode: 'audit' }, 'auditOnly', 'wouldBeSandboxed'],
  ] as const;
  for (const [fields, column, result] of cases) {
    const { byNamespace, notSandboxed } = summaryOf([line(fields)]);
    const none = { sandboxed: 0, unchanged: 0, denied: 0, auditOnly: 0 };
    t.same(byNamespace.top, [{ name: 'shop', decisions: 1, ...none, [column]: 1 }], JSON.stringify(fields));
    t.equal(notSandboxed.top[0]?.result, result, JSON.stringify(fields));
  }
  t.end();
});

t.test('a record that is there twice counts once, unless its uid is empty', t => {
  const { decisions, repeated } = summaryOf([line(), line(), `[pod/x/serve] ${line()}`, line({ requestUid: 'b' })]);
  t.same({ decisions, repeated }, { decisions: 2, repeated: 2 });
  t.equal(summaryOf([line({ requestUid: '' }), line({ requestUid: '' })]).decisions, 2);
  t.end();
});

t.test('a summary does not depend on the order of the lines', t => {
  const reasons = ['OptedOut', 'Sandboxed', 'Incompatible'];
  const record = fc.record({
    requestUid: fc.uuid(),
    namespace: fc.constantFrom('a', 'b', '__proto__'),
    requester: fc.constantFrom('alice', 'bob'),
    generateName: fc.constantFrom('x-', 'y-'),
    reason: fc.constantFrom(...reasons),
    outcome: fc.constantFrom('allowed', 'patched', 'denied'),
    durationMilliseconds: fc.double({ min: 0, max: 100, noNaN: true }),
  });
  const shuffled = fc
    .array(record.map(line), { minLength: 1, maxLength: 40 })
    .chain(lines => fc.tuple(fc.constant(lines), fc.shuffledSubarray(lines, { minLength: lines.length })));
  fc.assert(fc.property(shuffled, ([lines, others]) => t.same(summaryOf(others), summaryOf(lines))));
  t.end();
});

t.test('the columns of a namespace add up to its decisions, and all namespaces to the whole', t => {
  const lines = fc.array(
    fc.record({
      requestUid: fc.uuid(),
      namespace: hostileName,
      mode: fc.constantFrom('enforce', 'audit'),
      outcome: fc.constantFrom('allowed', 'patched', 'denied'),
    }),
  );
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 5 }), (records, top) => {
      const { byNamespace, decisions } = summaryOf(records.map(line), { top });
      for (const { sandboxed, unchanged, denied, auditOnly, decisions: all } of byNamespace.top) {
        t.equal(sandboxed + unchanged + denied + auditOnly, all);
      }
      const listed = byNamespace.top.reduce((sum, entry) => sum + entry.decisions, 0);
      t.equal(listed + byNamespace.moreDecisions, decisions);
    }),
  );
  t.end();
});

t.test('the filters leave out other namespaces and other times; since counts, until does not', t => {
  const lines = [
    at('2026-10-01T08:00:00.000Z', 'a'),
    at('2026-10-01T09:00:00.000Z', 'a'),
    at('2026-10-01T09:00:00.000Z', 'b'),
    at('2026-10-01T10:00:00.000Z', 'a'),
  ];
  const [since, until] = [Date.parse('2026-10-01T09:00:00Z'), Date.parse('2026-10-01T10:00:00Z')];
  const decided = (options: AuditOptions) => {
    const { decisions, filteredOut } = summaryOf(lines, options);
    return [decisions, filteredOut];
  };
  t.same(decided({ since }), [3, 1]);
  t.same(decided({ until }), [3, 1]);
  t.same(decided({ since, until, namespaces: new Set(['a', 'c']) }), [1, 3]);
  t.same(summaryOf(lines, { since, until }).period, {
    first: '2026-10-01T09:00:00.000Z',
    last: '2026-10-01T09:00:00.000Z',
  });
  t.end();
});

t.test('a tally in its bounds forgets no decision', t => {
  const tally = createTally<{ readonly key: string; readonly decisions: number }>(2);
  for (const key of ['b', 'a', 'c', 'a', 'd', 'c']) {
    tally.add([key], entry => ({ key, decisions: (entry?.decisions ?? 0) + 1 }));
  }
  t.same(tally.rank(1), { top: [{ key: 'a', decisions: 2 }], moreEntries: 2, moreDecisions: 4, isComplete: false });
  t.end();
});

t.test('percentiles are the nearest rank, to three digits', t => {
  const percentiles = createPercentiles();
  t.equal(percentiles.at(0.5), undefined);
  for (let value = 1; value <= 200; value += 1) percentiles.add(value + 0.0001);
  t.equal(percentiles.at(0.5), 100);
  t.equal(percentiles.at(0.99), 198);
  t.equal(percentiles.at(1), 200);
  const zero = createPercentiles();
  zero.add(0);
  t.equal(zero.at(0.99), 0);
  t.end();
});
