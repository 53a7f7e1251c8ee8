import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { connectRuntime } from '../../src/node/runtime/connect-runtime.ts';
import type { ContainerRuntime } from '../../src/node/runtime/container-runtime.ts';
import { refusedWith } from './refused-with.ts';
import { type ServedAnswers, serveRuntime, serveToRuntime, socketOf } from './runtime-server.ts';

const READY = { type: 'RuntimeReady', status: true, reason: '', message: '' } as const;
/** Bytes that containerds of these versions sent, of a node with one sandbox by runsc. */
const RECORDED = 'test/fixtures/node-runtime';
const REAL_VERSIONS = [
  ['containerd-1.7.24', { version: '1.7.24~ds1', cgroupDriver: undefined, hasNoWarnings: true }],
  ['containerd-2.4.2', { version: '2.4.2+unknown', cgroupDriver: 'cgroupfs', hasNoWarnings: false }],
] as const;
const CONDITIONS = { conditions: [READY] } as const;

/** The answer that never comes. */
const never = () => 'never' as const;

function recorded(version: string, call: string): Buffer {
  return Buffer.from(readFileSync(`${RECORDED}/${version}/${call}.base64`, 'utf8'), 'base64');
}

t.test('status() takes the handlers that CRI lists, else those of its configuration', async t => {
  const listed = await serveToRuntime(t, {
    Status: () => ({
      message: { status: CONDITIONS, runtimeHandlers: [{ name: '' }, { name: 'runsc' }, { name: 'runc' }] },
    }),
  });
  t.strictSame(await listed.runtime.status(), { conditions: [READY], handlers: ['runc', 'runsc'] });
  t.strictSame(listed.server.calls, [{ call: 'Status', request: { verbose: true } }]);
  const config = JSON.stringify({ containerd: { runtimes: { runsc: {}, runc: {} } }, other: 1 });
  const configured = await serveToRuntime(t, { Status: () => ({ message: { status: CONDITIONS, info: { config } } }) });
  t.strictSame((await configured.runtime.status()).handlers, ['runc', 'runsc']);
});

t.test('answers that real containerds gave are read', async t => {
  for (const [version, expected] of REAL_VERSIONS) {
    const answer = (call: string) => () => ({ bytes: recorded(version, call) });
    const { runtime } = await serveToRuntime(t, {
      Version: answer('Version'),
      Status: answer('Status'),
      ListPodSandbox: answer('ListPodSandbox'),
      PodSandboxStatus: answer('PodSandboxStatus'),
      ...(expected.cgroupDriver === undefined ? {} : { RuntimeConfig: answer('RuntimeConfig') }),
    });
    t.equal(await runtime.version(), expected.version);
    t.equal(await runtime.cgroupDriver(), expected.cgroupDriver);
    const { handlers, conditions } = await runtime.status();
    t.strictSame(handlers, ['runc', 'runsc'], version);
    t.strictSame(
      conditions.map(({ type, status: holds }) => `${type} ${holds}`),
      ['RuntimeReady true', 'NetworkReady true', `ContainerdHasNoDeprecationWarnings ${expected.hasNoWarnings}`],
    );
    const own = { namespace: 'gvisor-injector-verify', name: 'gvisor-injector-verify' };
    t.match(await runtime.sandboxes(), [{ ...own, id: /^[0-9a-f]{64}$/, handler: 'runsc', ready: true }]);
    t.match(await runtime.sandbox('any'), {
      runtimeType: 'io.containerd.runsc.v1',
      configPath: '/etc/containerd/runsc-1.toml',
      process: Number,
    });
  }
});

t.test('what cannot be read is an error that names the call, never an empty answer', async t => {
  const garbage: readonly object[] = [
    {},
    { status: CONDITIONS },
    { status: CONDITIONS, info: { config: '{' } },
    { status: CONDITIONS, info: { config: '{"containerd":{}}' } },
  ];
  for (const message of garbage) {
    const { runtime } = await serveToRuntime(t, { Status: () => ({ message }) });
    await refusedWith(t, runtime.status(), 'ContainerdUnreachable', 'the answer to Status', 'is not understood');
  }
  for (const info of [{}, { info: '' }, { info: 'null' }, { info: '{"pid":"1","runtimeType":"x"}' }]) {
    const { runtime } = await serveToRuntime(t, { PodSandboxStatus: () => ({ message: { info } }) });
    await refusedWith(t, runtime.sandbox('a'), 'ContainerdUnreachable', 'PodSandboxStatus', 'is not understood');
  }
  const { runtime } = await serveToRuntime(t, {
    Version: () => ({ message: {} }),
    ListPodSandbox: () => ({ bytes: Buffer.from('fffefdfc', 'hex') }),
    RunPodSandbox: () => ({ message: {} }),
  });
  await refusedWith(t, runtime.version(), 'ContainerdUnreachable', 'the answer to Version');
  await refusedWith(t, runtime.sandboxes(), 'ContainerdUnreachable', 'ListPodSandbox', 'INTERNAL');
});

t.test('a containerd without CRI still says its version', async t => {
  const { runtime } = await serveToRuntime(t, { Version: () => ({ message: { version: 'v2.1.9' } }) });
  t.equal(await runtime.version(), '2.1.9');
  t.equal(await runtime.cgroupDriver(), undefined);
  await refusedWith(t, runtime.status(), 'RuntimeNotLoaded', 'does not serve Status');
  await refusedWith(t, runtime.sandboxes(), 'RuntimeNotLoaded');
  await refusedWith(t, runtime.startSandbox({ handler: 'runsc', cgroupDriver: 'systemd' }), 'RuntimeNotLoaded');
});

t.test('every call has a deadline', async t => {
  const answers: ServedAnswers = {
    Version: never,
    Status: never,
    RuntimeConfig: never,
    PodSandboxStatus: never,
    RunPodSandbox: never,
    StopPodSandbox: never,
    // It has the deadline of a question too, and is to pass.
    ListPodSandbox: () => ({ message: {} }),
  };
  const { runtime } = await serveToRuntime(t, answers, { timeouts: { question: 300, start: 60, removal: 60 } });
  const questions = [runtime.version(), runtime.status(), runtime.cgroupDriver(), runtime.sandbox('a')];
  await Promise.all(
    [...questions, runtime.removeSandbox('a')].map(
      async work => await refusedWith(t, work, 'ContainerdUnreachable', 'no answer to', 'in time'),
    ),
  );
  t.strictSame(await runtime.startSandbox({ handler: 'runsc', cgroupDriver: 'systemd' }), {
    outcome: 'failed',
    message: 'no answer in time',
  });
});

t.test('a socket that nobody listens at is named, and asked again', async t => {
  const socket = socketOf(t);
  const runtime = connectRuntime({ socket });
  t.teardown(() => runtime.close());
  await refusedWith(t, runtime.version(), 'ContainerdUnreachable', socket, 'ENOENT');
  const answers: ServedAnswers = { Version: () => ({ message: { version: '1.7.24' } }) };
  for (const round of ['at first', 'after a restart']) {
    const server = await serveRuntime(socket, answers);
    t.equal(await untilAnswered(runtime), '1.7.24', round);
    server.stop();
    await refusedWith(t, runtime.version(), 'ContainerdUnreachable', socket);
  }
});

/** Asks as the gate does: the connection may be between two tries. */
async function untilAnswered(runtime: ContainerRuntime): Promise<string> {
  const end = Date.now() + 2000;
  for (;;) {
    try {
      return await runtime.version();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

t.test('sandboxes() and sandbox() say what a sandbox is', async t => {
  const info = {
    pid: 4711,
    runtimeType: 'io.containerd.runsc.v1',
    runtimeOptions: { type_url: 'io.containerd.runsc.v1.options', config_path: '/opt/x/runsc-0.toml' },
  };
  const infos = new Map<string, object>([
    ['ours', info],
    ['plain', { pid: 1, runtimeType: 'io.containerd.runc.v2', runtimeOptions: { systemd_cgroup: true } }],
    ['gone', { pid: 0, runtimeType: '', runtimeOptions: null }],
  ]);
  const { runtime } = await serveToRuntime(t, {
    ListPodSandbox: () => ({
      message: {
        items: [
          {
            id: 'a',
            metadata: { name: 'n', namespace: 'ns', uid: 'u', attempt: 1 },
            state: 0,
            runtimeHandler: 'runsc',
          },
          { id: 'b', metadata: { name: 'm', namespace: 'ns' }, state: 1 },
          { id: 'c' },
        ],
      },
    }),
    PodSandboxStatus: request => {
      const found = infos.get(String(Object.entries(request)[0]?.[1]));
      if (found === undefined) return { status: status.NOT_FOUND, details: 'not found' };
      return { message: { info: { info: JSON.stringify(found) } } };
    },
  });
  t.strictSame(await runtime.sandboxes(), [
    { id: 'a', namespace: 'ns', name: 'n', handler: 'runsc', ready: true },
    { id: 'b', namespace: 'ns', name: 'm', handler: '', ready: false },
    { id: 'c', namespace: '', name: '', handler: '', ready: true },
  ]);
  t.strictSame(await runtime.sandbox('ours'), {
    runtimeType: 'io.containerd.runsc.v1',
    configPath: '/opt/x/runsc-0.toml',
    process: 4711,
  });
  t.match(await runtime.sandbox('plain'), { runtimeType: 'io.containerd.runc.v2', configPath: undefined });
  t.strictSame(await runtime.sandbox('gone'), { runtimeType: '', configPath: undefined, process: 0 });
  t.equal(await runtime.sandbox('nosuch'), undefined);
});

t.test('startSandbox() removes what an earlier run left, and names the cgroup for the driver', async t => {
  const own = { name: 'gvisor-injector-verify', namespace: 'gvisor-injector-verify' };
  const { runtime, server } = await serveToRuntime(t, {
    ListPodSandbox: () => ({
      message: {
        items: [
          { id: 'left', metadata: own },
          { id: 'other', metadata: { ...own, namespace: 'default' } },
        ],
      },
    }),
    StopPodSandbox: () => ({ message: {} }),
    RemovePodSandbox: () => ({ status: status.NOT_FOUND, details: 'gone' }),
    RunPodSandbox: () => ({ message: { podSandboxId: 'new' } }),
  });
  t.strictSame(await runtime.startSandbox({ handler: 'runsc', cgroupDriver: 'systemd' }), {
    outcome: 'started',
    id: 'new',
  });
  await runtime.startSandbox({ handler: 'strict', cgroupDriver: 'cgroupfs' });
  t.strictSame(
    server.calls.map(({ call }) => call),
    [1, 2].flatMap(() => ['ListPodSandbox', 'StopPodSandbox', 'RemovePodSandbox', 'RunPodSandbox']),
  );
  const started = server.calls.filter(({ call }) => call === 'RunPodSandbox').map(({ request }) => request);
  const metadata = { ...own, uid: own.name, attempt: 0 };
  t.match(started, [
    { runtimeHandler: 'runsc', config: { metadata, linux: { cgroupParent: 'system.slice' } } },
    { runtimeHandler: 'strict', config: { metadata, linux: { cgroupParent: '' } } },
  ]);
  t.strictSame(
    server.calls.filter(({ call }) => call === 'StopPodSandbox').map(({ request }) => request),
    [1, 2].map(() => ({ podSandboxId: 'left' })),
  );
});

t.test("startSandbox() tells containerd's own reason when it does not start one", async t => {
  const details = 'no runtime for "runsc" is configured';
  const { runtime } = await serveToRuntime(t, {
    ListPodSandbox: () => ({ message: {} }),
    RunPodSandbox: () => ({ status: status.UNKNOWN, details: `${details}\u001b[31m` }),
    RuntimeConfig: () => ({ message: { linux: { cgroupDriver: 1 } } }),
  });
  const start = await runtime.startSandbox({ handler: 'runsc', cgroupDriver: 'systemd' });
  t.strictSame(start, { outcome: 'failed', message: String.raw`${details}\u{1b}[31m` });
  t.equal(await runtime.cgroupDriver(), 'cgroupfs');
});
