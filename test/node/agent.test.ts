import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Agent, type StepRequest } from '../../src/node/agent/agent.ts';
import { AgentMetrics } from '../../src/node/agent/agent-metrics.ts';
import { DriftWatch, openFileLook } from '../../src/node/agent/drift-watch.ts';
import type { EndedStep } from '../../src/node/agent/step-report.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { STARTUP_TAINT } from '../../src/policy/keys.ts';
import type { LogFields } from '../../src/record/log.ts';
import type { LogMessage } from '../../src/record/log-messages.ts';
import { clientOf } from '../kube/client-trial.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import { installed, proofs, VERDICTS } from './agent-world.ts';
import { type NodeServer, serveNode } from './node-server.ts';

const DRIFT = 30_000;
const DATE = new Date('2026-11-25T00:00:00Z');
const LABEL = 'gvisor-injector/runsc';

interface RunningAgent extends NodeServer {
  readonly agent: Agent;
  readonly clock: ManualClock;
  readonly controller: AbortController;
  readonly done: Promise<void>;
  readonly metrics: AgentMetrics;
  /** Log lines as `message reason`. */
  readonly logged: string[];
  /** Waits for a step, and lets it end so. */
  readonly next: (ended: EndedStep) => Promise<StepRequest>;
  /** Signals of the steps that were started. */
  readonly signals: AbortSignal[];
  readonly root: string;
}

/** Waits for something that comes without a timer. */
async function until(what: () => boolean): Promise<void> {
  for (let turn = 0; !what(); turn += 1) {
    if (turn > 20_000) throw new Error(`waited in vain for ${what.toString()}`);
    await new Promise(setImmediate);
  }
}

async function startAgent(t: Test): Promise<RunningAgent> {
  const served = await serveNode(t, {
    labels: { 'gvisor-injector/install': 'true' },
    taints: [{ key: STARTUP_TAINT, effect: 'NoSchedule' }],
    conditions: [{ type: 'Ready', status: 'True' }],
  });
  // Waits between tries are over at once.
  const clock = new ManualClock(delay => delay < 5000);
  const metrics = new AgentMetrics();
  const { client } = clientOf(t, served.server.access, {
    clock,
    onCall: (verb, result) => metrics.called(verb, result),
  });
  const root = t.testdir({ file: 'ours' });
  const drift = new DriftWatch(openFileLook(openHostFiles(root), root));
  const waiting: { readonly request: StepRequest; readonly end: (ended: EndedStep) => void }[] = [];
  const signals: AbortSignal[] = [];
  const runStep = async (request: StepRequest, signal: AbortSignal): Promise<EndedStep> => {
    const { promise, resolve } = Promise.withResolvers<EndedStep>();
    signals.push(signal);
    waiting.push({ request, end: resolve });
    return await promise;
  };
  const logged: string[] = [];
  const log = (message: LogMessage, { reason, outcome }: LogFields) =>
    logged.push([message, outcome, reason].filter(Boolean).join(' '));
  const controller = new AbortController();
  const options = {
    client,
    runStep,
    drift,
    clock,
    date: () => DATE,
    random: () => 0.5,
    metrics,
    signal: controller.signal,
  };
  const agent = new Agent({
    ...options,
    nodeName: 'node-1',
    unlabelled: 'none',
    bootId: 'boot-one',
    log: { info: log, error: log },
  });
  const done = agent.run();
  done.catch(() => undefined);
  t.teardown(() => controller.abort());
  const next = async (ended: EndedStep): Promise<StepRequest> => {
    await until(() => waiting.length > 0);
    const begun = waiting.shift();
    if (begun?.request.step !== ended.step) throw new Error(`${begun?.request.step} was started, not ${ended.step}`);
    begun.end(ended);
    return begun.request;
  };
  return Object.assign(served, { agent, clock, controller, done, metrics, logged, next, signals, root });
}

async function startReady(t: Test): Promise<RunningAgent> {
  const running = await startAgent(t);
  await running.next(installed());
  await running.next(proofs(VERDICTS.passed));
  await until(() => running.events.length === 1);
  return running;
}

t.test('a node comes to be ready, with a handful of requests', async t => {
  const running = await startAgent(t);
  const { agent, node, events, asked, next, logged } = running;
  const marked = async (reason: string): Promise<void> => await until(() => logged.includes(`nodeMarked ${reason}`));
  t.equal(agent.notReadyReason(), 'the first look at the node is not done');
  await marked('Installing');
  t.strictSame(await next(installed()), { step: 'install', handlers: [], uid: 'uid-node-1' });
  await marked('Proving');
  t.strictSame(await next(proofs(VERDICTS.passed)), { step: 'prove', handlers: ['runsc'], uid: 'uid-node-1' });
  await until(() => events.length === 1);
  t.equal(agent.notReadyReason(), undefined);
  t.equal(node.labels[LABEL], 'ready');
  t.strictSame(node.taints, []);
  t.match(node.conditions, [{ type: 'Ready' }, { type: 'GVisorReady', status: 'True', reason: 'Proved' }]);
  t.strictSame(events, ['Proved']);
  t.strictSame(asked().toSorted(), [
    'GET list',
    'GET watch',
    'PATCH nodes',
    'PATCH status',
    'PATCH status',
    'PATCH status',
    'POST events',
  ]);
  t.strictSame(logged, [
    'nodeMarked Installing',
    'nodeStepEnded installed',
    'nodeMarked Proving',
    'nodeStepEnded proved',
    'nodeProved passed',
    'nodeMarked Proved',
  ]);
  for (let heartbeat = 0; heartbeat < 5; heartbeat += 1) running.change(() => undefined);
  for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
  t.equal(asked().length, 7, 'a heartbeat of the kubelet is an event, and asks for nothing');
});

t.test('an event that was long on its way takes nothing back', async t => {
  const running = await startReady(t);
  running.tellOld({ 'gvisor-injector/install': 'true' });
  for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
  t.notOk(
    running.clock.pending().some(delay => delay <= 10_000),
    'no proof is waited for',
  );
  running.change(({ labels }) => delete labels[LABEL]);
  await running.clock.fire(delay => delay > 5000 && delay <= 10_000);
  await running.next(proofs(VERDICTS.passed));
  await until(() => running.node.labels[LABEL] === 'ready');
});

t.test('a file that changes is looked at, without asking the API server', async t => {
  const running = await startAgent(t);
  const look = openFileLook(openHostFiles(running.root), running.root);
  const file = { path: '/file', isText: true, fingerprint: (await look.fingerprint('/file')) ?? '' };
  const report = installed();
  if (report.step === 'install' && 'files' in report.report) report.report.files.push(file);
  await running.next(report);
  await running.next(proofs(VERDICTS.passed));
  await until(() => running.events.length === 1);
  const asked = running.asked().length;
  await running.clock.fire(DRIFT);
  await until(() => running.clock.pending().includes(DRIFT));
  writeFileSync(join(running.root, 'file'), 'theirs');
  await running.clock.fire(DRIFT);
  await running.next({
    step: 'verify',
    report: { outcome: 'unsound', faults: [{ subject: 'configuration', sentence: 'gone' }] },
  });
  await running.next(report);
  t.ok(running.logged.includes('nodeDrift'));
  t.equal(running.asked().length, asked);
  await until(() => running.metrics.scrape().includes('gvisor_injector_node_repairs_total 1\n'));
});

t.test('while the API server is away nothing is lost, and what is due is written afterwards', async t => {
  const running = await startReady(t);
  running.setUp(false);
  await until(() => running.logged.includes('apiTroubled ServerFailed'));
  running.change(({ labels }) => {
    labels['gvisor-injector/install'] = 'false';
  });
  t.equal(running.node.labels[LABEL], 'ready');
  running.setUp(true);
  await running.next({ step: 'look', report: { outcome: 'clear' } });
  await running.next({ step: 'uninstall', report: { outcome: 'removed' } });
  await until(() => running.events.includes('Removed'));
  t.equal(running.node.labels[LABEL], undefined);
  t.ok(running.logged.includes('apiReachable'));
});

t.test('writes that have no effect are not repeated without end', async t => {
  const running = await startAgent(t);
  running.isDeaf = true;
  await running.next(installed());
  await until(() => running.logged.includes('nodeMarkFailed'));
  const patches = running.asked().filter(kind => kind.startsWith('PATCH')).length;
  t.ok(patches < 12, `${patches} writes`);
});

t.test('told to stop, the agent lets an install end and ends what only looks', async t => {
  const running = await startAgent(t);
  await until(() => running.signals.length === 1);
  running.controller.abort();
  t.equal(running.agent.notReadyReason(), 'stopping');
  t.equal(running.signals[0]?.aborted, false);
  await running.next(installed());
  await running.done;
  t.equal(running.node.labels[LABEL], undefined, 'nothing is marked any more');

  const proving = await startAgent(t);
  await proving.next(installed());
  await until(() => proving.signals.length === 2);
  proving.controller.abort();
  t.equal(proving.signals[1]?.aborted, true);
  await proving.next({ step: 'prove', report: { outcome: 'failed', reason: 'AgentFault', sentence: 's', hint: '' } });
  await proving.done;
});

t.test('a fault of ours ends the agent', async t => {
  const running = await startAgent(t);
  running.metrics.ended = () => {
    throw new TypeError('ours');
  };
  await running.next(installed());
  await t.rejects(running.done, TypeError);
});
