import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { describeDifference } from '../../src/node/agent/describe-difference.ts';
import { DriftWatch, openFileLook } from '../../src/node/agent/drift-watch.ts';
import { installStep, lookStep, reported, uninstallStep, verifyStep } from '../../src/node/agent/host-steps.ts';
import { runStep, type StepSurroundings } from '../../src/node/agent/run-step.ts';
import { type EndedStep, isTrouble, parseReportLine, reportLine, STEPS } from '../../src/node/agent/step-report.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { NodeError } from '../../src/node/node-error.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import { installed, proofs, trouble, VERDICTS } from './agent-world.ts';
import { modelPayload, type ModelHost } from './change-host.ts';
import { FIRST, modelHost, request } from './change-runs.ts';

const CONFIGURATION = '/etc/containerd/config.toml';

function lookOf(host: ModelHost) {
  return openFileLook(openHostFiles(host.root), host.root);
}

async function installOn(host: ModelHost) {
  const options = { request: request(FIRST), payload: modelPayload(host, FIRST), look: lookOf(host) };
  return await installStep(host.context(), options);
}

t.test('an install reports what is to be watched, and a watch sees what others do to it', async t => {
  const host = modelHost(t);
  const { report } = await installOn(host);
  if (isTrouble(report) || report.outcome !== 'installed') throw new Error(JSON.stringify(report));
  t.match(report, { release: FIRST, handlers: [{ name: 'runsc', adopted: false }] });
  const paths = report.files.map(({ path }) => path);
  t.ok(paths.includes(CONFIGURATION));
  t.ok(paths.some(path => path.endsWith(`/${FIRST}/runsc`)));
  t.ok(paths.some(path => path.endsWith('.toml') && path.includes(FIRST)));
  t.ok(paths.includes('/run/containerd/containerd.sock'), 'though this host has none');

  const watch = new DriftWatch(lookOf(host));
  watch.watch(report.files);
  t.strictSame(await watch.poll(), []);
  const file = join(host.root, CONFIGURATION);
  const text = readFileSync(file, 'utf8');
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
  t.strictSame(await watch.poll(), [], 'the same bytes in another file are no change');
  writeFileSync(file, text.replace(/runtime_type.*\n/g, ''));
  t.match(await watch.poll(), [/^\/etc\/containerd\/config\.toml has lost \d+ lines? .*from line \d+ on$/]);
  t.strictSame(await watch.poll(), [], 'each change is told once');
  rmSync(file);
  t.strictSame(await watch.poll(), [`${CONFIGURATION} is gone`]);
  const runsc = paths.find(path => path.endsWith('/runsc')) ?? '';
  writeFileSync(join(host.root, runsc), 'damaged');
  t.strictSame(await watch.poll(), [`${runsc} is another one than before`]);

  writeFileSync(file, text);
  t.match(await verifyStep(host.context(), { handlers: ['runsc'], boot: false }), {
    step: 'verify',
    report: { outcome: 'unsound', faults: [{ subject: 'payload' }] },
  });
  t.match(await installOn(host), { report: { outcome: 'installed' } });
  t.match(await verifyStep(host.context(), { handlers: ['runsc'], boot: false }), {
    report: { outcome: 'sound', faults: [] },
  });
});

t.test('a change before the first look is seen too, and files that are named anew start anew', async t => {
  const root = t.testdir({ text: 'one\n', program: 'x' });
  const look = openFileLook(openHostFiles(root), root);
  const watch = new DriftWatch(look);
  const fingerprint = (await look.fingerprint('/text')) ?? '';
  writeFileSync(join(root, 'text'), 'another\n');
  watch.watch([{ path: '/text', isText: true, fingerprint }]);
  t.strictSame(await watch.poll(), ['/text was changed']);
  watch.watch([{ path: '/none', isText: false }]);
  t.strictSame(await watch.poll(), []);
  writeFileSync(join(root, 'none'), '');
  t.strictSame(await watch.poll(), ['/none is another one than before']);
});

t.test('a removal is looked at, refused while sandboxes run, and reported', async t => {
  const host = modelHost(t);
  await installOn(host);
  const details = { runtimeType: 'io.containerd.runsc.v1', configPath: undefined, process: 1 };
  host.sandboxes = [{ id: 's1', namespace: 'a', name: 'b', handler: 'runsc', ready: true, details }];
  for (const step of [lookStep, uninstallStep]) {
    t.match(await step(host.context()), {
      report: { outcome: 'refused', reason: 'SandboxesPresent', sentence: /a\/b/ },
    });
  }
  host.sandboxes = [];
  t.strictSame(await lookStep(host.context()), { step: 'look', report: { outcome: 'clear' } });
  t.strictSame(await uninstallStep(host.context()), { step: 'uninstall', report: { outcome: 'removed' } });
  t.strictSame(await uninstallStep(host.context()), { step: 'uninstall', report: { outcome: 'absent' } });
});

/** A step on a host that fails. */
async function fail(error: Error): Promise<EndedStep> {
  return await reported('install', async () => {
    throw error;
  });
}

t.test('what fails on the host is a report, and what is our fault is not', async t => {
  const refusal = { reason: 'Busy', sentence: 'somebody else is at work', hint: 'Wait' } as const;
  t.strictSame((await fail(new NodeError('NodeRefused', refusal))).report, { outcome: 'refused', ...refusal });
  t.match((await fail(new NodeError('NodeFailed', refusal))).report, { outcome: 'failed', reason: 'Busy' });
  await t.rejects(fail(new TypeError('ours')), TypeError);
  const host = modelHost(t);
  host.poison = 'runsc';
  t.match(await installOn(host), { report: { outcome: 'failed', reason: 'RuntimeNotLoaded' } });
  t.match(await installOn(host), { report: { outcome: 'refused', reason: 'RolledBackBefore' } });
});

const ENDED: readonly EndedStep[] = [
  installed('adopted'),
  { step: 'verify', report: { outcome: 'unsound', faults: [{ subject: 's', sentence: 'x' }] } },
  proofs(VERDICTS.failed),
  { step: 'look', report: { outcome: 'clear' } },
  { step: 'uninstall', report: trouble('SandboxesPresent') },
];

t.test('a report is one line, and is read again only as what it is', t => {
  for (const ended of ENDED) {
    const line = reportLine(ended);
    t.equal(line.indexOf('\n'), line.length - 1);
    for (const step of STEPS) t.strictSame(parseReportLine(step, line), step === ended.step ? ended : undefined);
  }
  for (const line of ['', 'no JSON', '{}', '{"step":"look","report":{"outcome":"done"}}'])
    t.equal(parseReportLine('look', line), undefined);
  t.end();
});

/** Runs a piece of a program as a step. */
async function run(code: string, changes: Partial<StepSurroundings> = {}) {
  const lines: string[] = [];
  const surroundings = {
    clock: new ManualClock(),
    signal: new AbortController().signal,
    timeoutSeconds: 60,
    onLine: (line: string) => lines.push(line),
  };
  const program = { step: 'look', command: [process.execPath, '-e', code], environment: {} } as const;
  const ended = await runStep(program, { ...surroundings, ...changes });
  return { ended, lines };
}

t.test('a step is a process of its own, whose last line is its report', async t => {
  const report = '{"step":"look","report":{"outcome":"clear"}}';
  const { ended, lines } = await run(`console.error('- one\\n- two'); console.log('noise'); console.log('${report}')`);
  t.strictSame(ended, { step: 'look', report: { outcome: 'clear' } });
  t.strictSame(lines, ['- one', '- two']);
  t.match((await run('process.exitCode = 3')).ended.report, {
    outcome: 'failed',
    reason: 'AgentFault',
    sentence: /ended with code 3 and without a report/,
  });
  t.match((await run(`console.log('${report}'); console.log('more')`)).ended.report, { reason: 'AgentFault' });
  const missing = { step: 'verify', command: ['/nothing/there'], environment: {} } as const;
  const surroundings = {
    clock: new ManualClock(),
    signal: new AbortController().signal,
    timeoutSeconds: 1,
    onLine: () => undefined,
  };
  t.match(await runStep(missing, surroundings), {
    report: { reason: 'AgentFault', sentence: /could not be started.*ENOENT/ },
  });
});

t.test('a step that takes too long is told to end, and then ended', async t => {
  const clock = new ManualClock();
  const started = Promise.withResolvers<undefined>();
  const stubborn = `process.on('SIGTERM', () => console.error('told')); console.error('started'); setInterval(() => undefined, 1000)`;
  const told = Promise.withResolvers<undefined>();
  const onLine = (line: string): void => (line === 'told' ? told : started).resolve(undefined);
  const running = run(stubborn, { clock, onLine });
  await started.promise;
  await clock.fire(60_000);
  await told.promise;
  await clock.fire(20_000);
  t.match((await running).ended.report, { sentence: /was ended by SIGKILL/ });
  t.strictSame(clock.pending(), []);
  const controller = new AbortController();
  const stopped = run('setInterval(() => undefined, 1000)', { clock, signal: controller.signal });
  controller.abort();
  t.match((await stopped).ended.report, { sentence: /was ended by SIGTERM/ });
  t.strictSame(clock.pending(), [], 'no timer is left');
});

t.test('the difference of two texts is counted in lines, and none of them is quoted', t => {
  t.equal(describeDifference('a\nb\nc', 'a\nc'), 'has lost 1 line, from line 2 on');
  t.equal(describeDifference('a\nb', 'a\nb\nc\nd'), 'has 2 lines more, from line 3 on');
  t.equal(describeDifference('a\nb', 'b\na'), 'has the same lines in another order, from line 1 on');
  const line = fc.constantFrom('x', 'password = "secret"', '');
  const property = fc.property(fc.array(line), fc.array(line), (before, after) => {
    const sentence = describeDifference(before.join('\n'), after.join('\n'));
    t.match(
      sentence,
      /^has (lost \d+ lines?( and has \d+ lines? more)?|\d+ lines? more|the same lines in another order), from line \d+ on$/,
    );
  });
  fc.assert(property, { numRuns: 50 });
  t.end();
});
