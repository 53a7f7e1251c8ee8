import { machine, release } from 'node:os';
import t, { type Test } from 'tap';
import { readKernelFacts } from '../../src/node/host/kernel-facts.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { readHost } from '../../src/node/host/read-host.ts';
import { NodeError } from '../../src/node/node-error.ts';
import type { NodeReason } from '../../src/node/reason.ts';
import type { HostCommand } from '../../src/node/systemd/systemd.ts';
import { dumpOf, hostOf } from './host-value.ts';
import { refusedWith } from './refused-with.ts';
import { type HostTree, type RunningHost, runtimeOf, systemdOf } from './running-host.ts';
import { withFaults } from './with-faults.ts';

const MACHINE_ID = '0123456789abcdef0123456789abcdef';
const KERNEL = {
  architecture: 'aarch64',
  release: '6.1.0',
  bootId: 'a-boot',
  maximumUserNamespaces: 100,
  hasSELinux: true,
} as const;

const PLAIN_UNITS = { 'containerd.service': { command: ['/usr/bin/containerd'] } } as const;
const PLAIN_TREE = {
  etc: { 'machine-id': `${MACHINE_ID}\n`, containerd: { 'config.toml': 'version = 2\n' } },
} as const;

const READ_ONLY = { freeBytes: 0, readOnly: true, noExecution: false } as const;

/** Reads the host of a tree of files, and what was asked of it. */
async function read(t: Test, tree: HostTree, running: RunningHost = {}) {
  const commands: HostCommand[] = [];
  const sockets: string[] = [];
  let closed = 0;
  const files = openHostFiles(t.testdir(tree));
  const fileSystem = running.fileSystem ?? ((path: string) => files.fileSystem(path));
  const host = await readHost({
    files: { ...withFaults(files, () => undefined), fileSystem },
    systemd: systemdOf({ units: PLAIN_UNITS, ...running }, commands),
    connectRuntime: socket => {
      sockets.push(socket);
      return runtimeOf({ close: () => void closed++, ...running.runtime });
    },
    readKernel: async () => KERNEL,
  });
  return { host, commands: commands.map(({ command }) => command.join(' ')), sockets, closed };
}

function failing(reason: NodeReason): () => Promise<never> {
  return async () => await Promise.reject(new NodeError('NodeFailed', { reason, sentence: 'no', hint: 'yes' }));
}

t.test('readHost() reads a host to one value', async t => {
  const { host, commands, sockets, closed } = await read(t, { ...PLAIN_TREE, opt: {}, var: { lib: {} } });
  t.match(host, {
    machineId: MACHINE_ID,
    bootId: 'a-boot',
    architecture: 'aarch64',
    kernelRelease: '6.1.0',
    maximumUserNamespaces: 100,
    hasSELinux: true,
    layout: { name: 'containerd', unit: 'containerd.service', socket: '/run/containerd/containerd.sock' },
    containerdVersion: '2.4.2',
    runtime: hostOf().runtime,
    runtimeCgroupDriver: 'systemd',
    dump: dumpOf(),
  });
  t.equal(host.kubeletCgroupDriver, undefined);
  t.equal(host.configuration.root?.text, 'version = 2\n');
  t.strictSame(commands, ['/usr/bin/containerd --config /etc/containerd/config.toml config dump']);
  t.strictSame(sockets, ['/run/containerd/containerd.sock']);
  t.equal(closed, 1, 'the connection is closed');
  t.strictSame(
    host.targets.map(({ purpose, path, existing, writable }) => [purpose, path, existing, writable]),
    [
      ['payload', '/opt/gvisor-injector/releases', '/opt', true],
      ['state', '/var/lib/gvisor-injector', '/var/lib', true],
      ['units', '/etc/systemd/system', '/etc', true],
      ['configuration', '/etc/containerd', '/etc/containerd', true],
      ['configuration', '/etc/containerd/config.toml', '/etc/containerd/config.toml', true],
    ],
  );
});

t.test('readHost() follows links to where things really are', async t => {
  const tree = {
    etc: { 'machine-id': MACHINE_ID, containerd: t.fixture('symlink', '../srv/containerd') },
    srv: { containerd: { 'config.toml': 'imports = ["/etc/containerd/conf.d/*.toml"]\n', 'conf.d': {} } },
    opt: t.fixture('symlink', 'srv'),
  };
  const { host, commands } = await read(t, tree);
  t.equal(host.configuration.rootPath, '/srv/containerd/config.toml');
  t.strictSame(
    host.targets.map(({ purpose, path }) => `${purpose} ${path}`).filter(place => place.includes('/srv')),
    [
      'payload /srv/gvisor-injector/releases',
      'configuration /srv/containerd',
      'configuration /srv/containerd/conf.d',
      'configuration /srv/containerd/config.toml',
    ],
  );
  t.match(commands[0], '--config /etc/containerd/config.toml', 'containerd is asked by its own path');
});

t.test('readHost() asks for the defaults when there is no configuration file', async t => {
  const without = { etc: { 'machine-id': MACHINE_ID } };
  const { host, commands } = await read(t, without);
  t.equal(host.configuration.root, undefined);
  const file = '/var/lib/gvisor-injector/candidate/config.toml';
  t.strictSame(commands, [`/usr/bin/containerd --config ${file} config dump`], 'of a file that says nothing');
});

t.test('readHost() reads a containerd without CRI, and leaves it to preflight to say so', async t => {
  const status = failing('RuntimeNotLoaded');
  const { host, closed } = await read(t, PLAIN_TREE, { runtime: { status, cgroupDriver: async () => undefined } });
  t.strictSame(host.runtime, { conditions: [], handlers: [] });
  t.equal(host.containerdVersion, '2.4.2');
  t.equal(closed, 1);
});

t.test('readHost() says why a host cannot be read', async t => {
  await refusedWith(t, read(t, PLAIN_TREE, { units: {} }), 'LayoutUnknown', '/etc/containerd/config.toml');
  await refusedWith(t, read(t, { etc: { containerd: {} } }), 'LayoutUnsupported', '/etc/machine-id is not there');
  await refusedWith(t, read(t, { etc: { 'machine-id': 'uninitialized\n' } }), 'LayoutUnsupported', "'uninitialized'");
  const failed = { exitCode: 1, stdout: '', stderr: 'containerd: toml: line 3: oh dear\n' };
  await refusedWith(t, read(t, PLAIN_TREE, { dump: failed }), 'ConfigurationInvalid', 'exit code 1', 'oh dear');
  const hanging = { exitCode: undefined, stdout: '', stderr: '' };
  await refusedWith(t, read(t, PLAIN_TREE, { dump: hanging }), 'ConfigurationInvalid', 'within 30 s');
  const noToml = { exitCode: 0, stdout: 'usage: containerd [', stderr: '' };
  await refusedWith(t, read(t, PLAIN_TREE, { dump: noToml }), 'ConfigurationInvalid', 'line 1');
  const version = failing('ContainerdUnreachable');
  await refusedWith(t, read(t, PLAIN_TREE, { runtime: { version } }), 'ContainerdUnreachable');
  await refusedWith(t, read(t, PLAIN_TREE, { runtime: { status: version } }), 'ContainerdUnreachable');
  await refusedWith(
    t,
    read(t, PLAIN_TREE, { fileSystem: async () => READ_ONLY }),
    'TargetReadOnly',
    '/var/lib/gvisor-injector',
    '(only /',
  );
});

t.test('readKernelFacts() says what this kernel is', async t => {
  const facts = await readKernelFacts();
  t.equal(facts.architecture, machine());
  t.equal(facts.release, release());
  t.match(facts.bootId, /^[0-9a-f-]{36}$/);
  t.ok(facts.maximumUserNamespaces === undefined || facts.maximumUserNamespaces >= 0);
  t.type(facts.hasSELinux, 'boolean');
});
