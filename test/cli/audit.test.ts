import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createAudit } from '../../src/cli/audit.ts';
import { renderAudit } from '../../src/cli/audit-report.ts';
import { EXIT_CODES, UserError } from '../../src/errors/user-error.ts';
import { isJsonObject } from '../../src/policy/json.ts';
import { createAuditReducer } from '../../src/record/audit-reducer.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/audit', import.meta.url));

const LOGS = readdirSync(FIXTURES)
  .filter(name => name.endsWith('.jsonl'))
  .map(name => name.slice(0, -'.jsonl'.length));

const REPLICAS = join(FIXTURES, 'two-replicas.jsonl');

/** An hour after the tenth second after eight; the fixtures' decisions are a second apart, from eight on. */
const audit = createAudit({ now: () => new Date('2026-10-01T09:00:10.000Z') });

interface World {
  readonly stdin?: Readable;
  readonly signal?: AbortSignal;
}

async function run(args: readonly string[], { stdin = Readable.from([]), signal }: World = {}): Promise<string> {
  const output: string[] = [];
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      output.push(chunk.toString('utf8'));
      done();
    },
  });
  const exitCode = await audit.run(args, {
    stdin,
    stdout,
    stdoutDescriptor: undefined,
    stderr: new PassThrough(),
    colour: false,
    environment: {},
    program: ['node', 'main.ts'],
    signal: signal ?? new AbortController().signal,
  });
  if (exitCode !== EXIT_CODES.done) throw new Error(`audit ended with exit code ${exitCode}`);
  return output.join('');
}

/** What the command says when it fails. */
async function failure(args: readonly string[], world: World = {}): Promise<UserError> {
  try {
    await run(args, world);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('The command did not fail');
}

async function summary(args: readonly string[], world: World = {}) {
  const value: unknown = JSON.parse(await run([...args, '--output', 'json'], world));
  if (!isJsonObject(value)) throw new TypeError('The summary must be an object');
  return value;
}

for (const name of LOGS) {
  t.test(`audit says of ${name}.jsonl what stands beside it; UPDATE_FIXTURES=1 writes it`, async t => {
    const file = join(FIXTURES, `${name}.jsonl`);
    for (const [format, ending] of [
      ['table', 'txt'],
      ['json', 'json'],
    ] as const) {
      const found = await run(['-f', file, '--output', format, '--top', '5']);
      const expectedFile = join(FIXTURES, `${name}.expected.${ending}`);
      if (process.env['UPDATE_FIXTURES'] === '1') writeFileSync(expectedFile, found);
      t.equal(found, readFileSync(expectedFile, 'utf8'));
    }
  });
}

t.test('no expected file of audit is without its log', t => {
  const expected = LOGS.flatMap(name => [`${name}.expected.json`, `${name}.expected.txt`, `${name}.jsonl`]);
  t.same(readdirSync(FIXTURES).toSorted(), expected.toSorted());
  t.end();
});

t.test('audit reads standard input, with and without -f -, and writes the table by default', async t => {
  const expected = await run(['-f', REPLICAS]);
  t.match(expected, /^15 decisions from /);
  const bytes = readFileSync(REPLICAS);
  t.equal(await run([], { stdin: Readable.from([bytes]) }), expected);
  t.equal(await run(['-f', '-', '--output', 'table'], { stdin: Readable.from([bytes.toString('utf8')]) }), expected);
});

t.test('audit joins several files and folders, and counts each decision once', async t => {
  const folder = t.testdir({
    'a.log': readFileSync(REPLICAS),
    'b.jsonl': readFileSync(join(FIXTURES, 'all-sandboxed.jsonl')),
    'c.txt': 'not a log',
    'd.log': { 'e.log': 'in a folder that only looks like a log' },
    'f.log': t.fixture('symlink', 'b.jsonl'),
    '.keep': '',
  });
  const joined = await summary(['-f', folder, '--file', REPLICAS, '-f', REPLICAS]);
  t.match(joined, { decisions: 17, repeated: 19, foreignLines: { text: 2 } });
});

t.test('audit filters by namespace and by time, as a duration before now or as a time', async t => {
  const decisions = async (...args: string[]) => {
    const { decisions: count, filteredOut } = await summary(['-f', REPLICAS, ...args]);
    return [count, filteredOut];
  };
  t.same(await decisions('--namespace', 'lab', '--namespace', 'legacy'), [5, 11]);
  t.same(await decisions('--since', '1h'), [6, 10]);
  t.same(await decisions('--since', '2026-10-01T10:00:10+02:00'), [6, 10]);
  t.same(await decisions('--until', '2026-10-01T08:00:10Z'), [9, 6], 'a repeated record is not left out by the filter');
  t.same(await decisions('--since', '61m', '--until', '3600s'), [9, 6]);
  t.match(await run(['-f', REPLICAS, '--namespace', 'nowhere']), /^No decision is left: the filters left out 16 /);
});

t.test('audit ends with a sentence and exit code 0 on an empty input', async t => {
  t.equal(await run([]), 'No decision was found: the input holds no decision record\n');
});

t.test('the report of audit says when it could not keep every name, and sets dry runs aside', t => {
  const empty = createAuditReducer().summary();
  const byRequester = { top: [], moreEntries: 3, moreDecisions: 4, isComplete: false };
  const report = renderAudit({ ...empty, decisions: 4, dryRuns: 4, byRequester });
  t.match(report, /^and at least 3 more, with 4 decisions$/m);
  t.match(report, /^Every Pod was sandboxed, dry runs aside$/m);
  t.end();
});

t.test('audit that is told to stop says what it has read so far', async t => {
  const controller = new AbortController();
  const stdin = new PassThrough();
  const running = run([], { stdin, signal: controller.signal });
  stdin.write(readFileSync(REPLICAS));
  while (stdin.readableLength > 0) await nextTurn();
  await nextTurn();
  controller.abort();
  t.match(await running, /^15 decisions from /);
});

t.test('audit on a terminal without -f says what to name', async t => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const { code, message, exitCode } = await failure([], { stdin });
  t.same([code, exitCode, message], ['BadUsage', EXIT_CODES.usage, 'There are no logs to read']);
});

t.test('audit names the log that it cannot read', async t => {
  const folder = t.testdir({ 'notes.txt': '' });
  const missing = await failure(['-f', REPLICAS, '-f', join(folder, 'missing.log')]);
  t.equal(missing.code, 'FileUnreadable');
  t.equal(missing.exitCode, EXIT_CODES.usage);
  t.equal(missing.message, `Cannot read the log '${join(folder, 'missing.log')}': ENOENT`);
  const empty = await failure(['-f', folder]);
  t.equal(empty.code, 'FileUnreadable');
  t.match(empty.message, /has no log: no file ends in \.log or \.jsonl$/);
  const broken = t.testdir({ 'a.log': '', 'b.log': t.fixture('symlink', 'gone') });
  t.equal((await failure(['-f', broken])).message, `Cannot read the log '${join(broken, 'b.log')}': ENOENT`);
});

t.test('audit refuses flags that make no sense', async t => {
  const cases = [
    [['--output', 'yaml'], "--output must be one of table, json, not 'yaml'"],
    [['--top', '0'], "--top must be a whole number from 1 to 10000, not '0'"],
    [['--since', 'yesterday'], /^--since must be a duration such as .*, not 'yesterday'$/],
    [['--until', '2026-10-01T08:00:00'], /^--until must be .* or a time such as 2026-10-01T09:00:10.000Z, not/],
    [['--since', '2026-13-01T08:00:00Z'], /^--since must be/],
    [['--since', '1h', '--until', '2h'], "--since '1h' must be before --until '2h'"],
    [['webhook.log'], "Unexpected argument 'webhook.log'"],
  ] as const;
  for (const [args, message] of cases) {
    const error = await failure(args);
    t.equal(error.code, 'BadUsage');
    t.match(error.message, message);
  }
});

t.test('audit --help begins with an example', t => {
  t.match(audit.help, /^kubectl logs .* \| gvisor-injector audit\n/);
  t.end();
});
