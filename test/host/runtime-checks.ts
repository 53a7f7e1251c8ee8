import type { Test } from 'tap';
import { NodeError } from '../../src/node/node-error.ts';
import { connectRuntime, OWN_SANDBOX } from '../../src/node/runtime/connect-runtime.ts';
import type { ContainerRuntime } from '../../src/node/runtime/container-runtime.ts';
import { ClusterError } from '../cluster/cluster-error.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import { at, crictl, crictlJson, kernelOf, OTHER_SANDBOX, runSandbox, type RuntimeNode } from './runtime-crictl.ts';

const SOCKET = '/run/containerd/containerd.sock';
const CONFIGURATION = '/etc/containerd/config.toml';
const GVISOR = 'io.containerd.runsc.v1';
const WAIT_SECONDS = 20;

/** Compares what we read over CRI with what crictl reads, on a real containerd, and starts sandboxes of our own. */
export async function checkRuntime(t: Test, node: RuntimeNode): Promise<void> {
  const leader = await node.machine.leader();
  if (leader === undefined) throw new ClusterError('the machine does not run');
  const runtime = connectRuntime({ socket: `/proc/${leader}/root${SOCKET}` });
  try {
    await t.test('what the container runtime says of itself', async t => await checkStatus(t, node, runtime));
    await t.test('sandboxes of ours', async t => await checkSandboxes(t, node, runtime));
    await t.test('a handler and sandboxes that are not there', async t => await checkNothing(t, node, runtime));
    await t.test('a sandbox that died', async t => await checkDeadSandbox(t, node, runtime));
    await t.test('a restart', async t => await checkRestart(t, node, runtime));
    await t.test('a CRI that does not load', async t => await checkUnloaded(t, node, runtime));
  } finally {
    runtime.close();
  }
}

async function checkStatus(t: Test, node: RuntimeNode, runtime: ContainerRuntime): Promise<void> {
  const version = /RuntimeVersion:\s*v?(\S+)/.exec(await crictl(node, ['version']))?.[1];
  t.equal(await runtime.version(), version, `containerd ${version}`);
  const { status, config, runtimeHandlers } = await crictlJson(node, ['info']);
  const found = await runtime.status();
  t.match(at(status, 'conditions'), found.conditions, 'the conditions');
  const listed = namesOf(runtimeHandlers);
  const configured = Object.keys(at(config, 'containerd', 'runtimes') ?? {});
  t.strictSame(found.handlers, configured.toSorted(), `the handlers: ${found.handlers.join(', ')}`);
  if (listed.length > 0) t.strictSame(listed.toSorted(), found.handlers, 'CRI lists the same');
  const told = await node.machine.tryRun([node.crictl, 'runtime-config']);
  const driver = /SYSTEMD|CGROUPFS/.exec(told.stdout)?.[0].toLowerCase();
  t.equal(await runtime.cgroupDriver(), driver, `the cgroup driver: ${driver ?? 'not told'}`);
}

/** The names of the handlers that CRI lists; the default one is there without a name too. */
function namesOf(runtimeHandlers: unknown): readonly string[] {
  const handlers: readonly unknown[] = Array.isArray(runtimeHandlers) ? runtimeHandlers : [];
  return handlers.map(handler => at(handler, 'name')).filter(name => typeof name === 'string');
}

async function checkSandboxes(t: Test, node: RuntimeNode, runtime: ContainerRuntime): Promise<void> {
  const other = await runSandbox(node, 'runc');
  for (const handler of [node.handler, 'runc']) {
    const begin = performance.now();
    const start = await runtime.startSandbox({ handler, cgroupDriver: 'cgroupfs' });
    if (start.outcome === 'failed') throw new ClusterError(`${handler}: ${start.message}`);
    t.comment(`${handler}: a sandbox started in ${Math.round(performance.now() - begin)} ms`);
    await checkDetails(t, { node, runtime, handler, id: start.id });
    t.strictSame(
      (await runtime.sandboxes()).toSorted((left, right) => (left.name < right.name ? -1 : 1)),
      [
        { ...OWN_SANDBOX, id: start.id, handler, ready: true },
        { ...OTHER_SANDBOX, id: other, handler: 'runc', ready: true },
      ],
      `${handler}: the former one of ours is gone, that of others is there`,
    );
  }
  for (const { id } of await runtime.sandboxes()) await runtime.removeSandbox(id);
  t.strictSame(await runtime.sandboxes(), []);
  t.match(await kernelOf(node, node.handler), /-gvisor .* Sun Jan 10 15:06:54 PST 2016/, 'the kernel in gVisor');
  t.notMatch(await kernelOf(node, 'runc'), /gvisor/, 'the kernel under runc');
}

async function checkDetails(
  t: Test,
  {
    node,
    runtime,
    handler,
    id,
  }: { readonly node: RuntimeNode; readonly runtime: ContainerRuntime; readonly handler: string; readonly id: string },
): Promise<void> {
  const isOfGvisor = handler === node.handler;
  const { info, status } = await crictlJson(node, ['inspectp', id]);
  const [runtimeType, process] = [at(info, 'runtimeType'), at(info, 'pid')];
  const configPath = at(info, 'runtimeOptions', 'config_path');
  t.strictSame(
    await runtime.sandbox(id),
    { runtimeType, configPath, process },
    `${handler}: the details as crictl has them`,
  );
  t.equal(runtimeType === GVISOR, isOfGvisor, `${handler}: ${String(runtimeType)}`);
  t.equal(configPath, isOfGvisor ? node.configPath : undefined, `${handler}: ${String(configPath)}`);
  t.equal(at(status, 'runtimeHandler'), handler);
  const commandLine = await node.machine.run(['cat', `/proc/${String(process)}/cmdline`]);
  t.equal(
    commandLine.startsWith('runsc-sandbox'),
    isOfGvisor,
    `its process on the host: ${commandLine.split('\0')[0]}`,
  );
}

async function checkNothing(t: Test, node: RuntimeNode, runtime: ContainerRuntime): Promise<void> {
  const refused = await runtime.startSandbox({ handler: 'nosuch', cgroupDriver: 'cgroupfs' });
  t.match(refused, { outcome: 'failed', message: 'no runtime for "nosuch" is configured' });
  t.strictSame(await runtime.sandboxes(), [], 'nothing is left of it');
  const gone = await runSandbox(node, 'runc');
  for (const time of ['once', 'twice']) {
    await runtime.removeSandbox(gone);
    t.equal(await runtime.sandbox(gone), undefined, `removed ${time}`);
  }
}

/** A dead sandbox must not let a release look unused: the node may start its containers again. */
async function checkDeadSandbox(t: Test, node: RuntimeNode, runtime: ContainerRuntime): Promise<void> {
  const id = await runSandbox(node, node.handler);
  const process = (await runtime.sandbox(id))?.process ?? 0;
  await node.machine.run(['kill', '-9', String(process)]);
  await waitUntil({
    what: 'containerd to see that the sandbox is dead',
    seconds: WAIT_SECONDS,
    check: async () => ((await runtime.sandboxes()).every(({ ready }) => !ready) ? 'dead' : undefined),
  });
  const dead = { runtimeType: GVISOR, configPath: node.configPath, process: 0 };
  t.strictSame(await runtime.sandbox(id), dead, 'it still names its configuration');
  await node.machine.run(['systemctl', 'restart', 'containerd']);
  await untilAnswered(runtime);
  t.strictSame(await runtime.sandbox(id), dead, 'also after a restart of containerd');
  await runtime.removeSandbox(id);
}

async function checkRestart(t: Test, node: RuntimeNode, runtime: ContainerRuntime): Promise<void> {
  const before = await runtime.status();
  const id = await runSandbox(node, node.handler);
  const running = await runtime.sandbox(id);
  const begin = performance.now();
  await node.machine.run(['systemctl', 'restart', 'containerd']);
  const restarted = performance.now();
  await untilAnswered(runtime);
  const times = [restarted - begin, performance.now() - restarted].map(Math.round);
  t.comment(`the restart took ${times[0]} ms, and CRI answered ${times[1]} ms later`);
  t.same(await runtime.status(), before, 'the same connection answers as before');
  t.strictSame(await runtime.sandbox(id), running, 'the sandbox runs on');
  await runtime.removeSandbox(id);
}

async function checkUnloaded(t: Test, { machine }: RuntimeNode, runtime: ContainerRuntime): Promise<void> {
  const before = await runtime.status();
  const text = await machine.run(['cat', CONFIGURATION]);
  const restartWith = async (input: string): Promise<void> => {
    await machine.run(['sh', '-c', `cat >${CONFIGURATION}`], { input });
    // systemd counts starts, and these follow each other fast.
    await machine.run(['systemctl', 'reset-failed', 'containerd']);
    await machine.run(['systemctl', 'restart', 'containerd']);
  };
  await restartWith(withoutDefaultHandler(text));
  try {
    t.equal((await machine.run(['systemctl', 'is-active', 'containerd'])).trim(), 'active', 'containerd is active');
    await waitUntil({
      what: 'containerd to listen again',
      seconds: WAIT_SECONDS,
      check: async () => await runtime.version(),
    });
    const error: unknown = await runtime.status().catch((error: unknown) => error);
    t.ok(error instanceof NodeError && error.reason === 'RuntimeNotLoaded', String(error));
  } finally {
    await restartWith(text);
  }
  await untilAnswered(runtime);
  t.same(await runtime.status(), before, 'all is as before');
}

async function untilAnswered(runtime: ContainerRuntime): Promise<void> {
  await waitUntil({
    what: 'CRI to answer',
    seconds: WAIT_SECONDS,
    intervalMilliseconds: 10,
    check: async () => (await runtime.status()).handlers.join(),
  });
}

/** A configuration with a default handler that is not there: `config dump` has no objection, and CRI does not load. */
function withoutDefaultHandler(text: string): string {
  const line = "default_runtime_name = 'nosuch'";
  const named = /^\s*default_runtime_name\s*=.*$/m;
  if (named.test(text)) return text.replace(named, line);
  const section = /^version = [34]/m.test(text) ? 'io.containerd.cri.v1.runtime' : 'io.containerd.grpc.v1.cri';
  return `${text}\n[plugins.'${section}'.containerd]\n${line}\n`;
}
