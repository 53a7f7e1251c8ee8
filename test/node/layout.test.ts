import t from 'tap';
import { detectLayout, type LayoutFacts } from '../../src/node/layout/detect-layout.ts';
import { KNOWN_UNITS } from '../../src/node/layout/known-units.ts';
import { isRendered } from '../../src/node/layout/layout.ts';
import { parseOsRelease } from '../../src/node/layout/os-release.ts';
import { readLayoutFacts } from '../../src/node/layout/read-layout-facts.ts';
import type { UnitState } from '../../src/node/systemd/systemd.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { activeUnit, layoutOf } from './containerd-hosts.ts';

function detect(units: Readonly<Record<string, UnitState | undefined>>, more: Partial<LayoutFacts> = {}) {
  return detectLayout({ units: new Map(Object.entries(units)), osRelease: new Map(), files: [], ...more });
}

function detectContainerd(...command: readonly string[]) {
  return detect({ 'containerd.service': activeUnit(...command) });
}

t.test('detectLayout() takes the layout of the unit that is active', t => {
  t.strictSame(layoutOf('containerd.service'), {
    name: 'containerd',
    unit: 'containerd.service',
    configuration: '/etc/containerd/config.toml',
    socket: '/run/containerd/containerd.sock',
    program: '/usr/bin/containerd',
    tried: true,
  });
  t.strictSame(layoutOf('k3s-agent.service'), {
    name: 'k3s',
    unit: 'k3s-agent.service',
    configuration: '/var/lib/rancher/k3s/agent/etc/containerd/config.toml',
    socket: '/run/k3s/containerd/containerd.sock',
    program: '/var/lib/rancher/k3s/data/current/bin/containerd',
    tried: false,
  });
  t.match(layoutOf('rke2-server.service'), {
    configuration: '/var/lib/rancher/rke2/agent/etc/containerd/config.toml',
    program: '/var/lib/rancher/rke2/bin/containerd',
    tried: false,
  });
  t.strictSame(
    ['containerd.service', 'k3s.service', 'rke2-agent.service'].map(unit => isRendered(layoutOf(unit))),
    [false, true, true],
  );
  const states = { 'containerd.service': { ...activeUnit('/usr/bin/containerd'), activeState: 'inactive' } };
  t.match(detect({ ...states, 'k3s.service': activeUnit('/k3s') }), { name: 'k3s' }, 'a unit that is not active');
  const reloading = { ...activeUnit('/usr/bin/containerd'), activeState: 'reloading' };
  t.match(detect({ 'containerd.service': reloading }), { name: 'containerd' });
  t.end();
});

t.test('detectLayout() reads where things are from the arguments of the unit', t => {
  const cases: readonly (readonly [readonly string[], string, string])[] = [
    [['--config', '/a.toml'], '/a.toml', '/run/containerd/containerd.sock'],
    [['-c', '/a.toml', '-l', 'debug'], '/a.toml', '/run/containerd/containerd.sock'],
    [['--config=/etc/x/../a.toml'], '/etc/a.toml', '/run/containerd/containerd.sock'],
    [['-c=/a=b.toml', '--address', '/run/a.sock'], '/a=b.toml', '/run/a.sock'],
    [['--config', 'a.toml', '--address=/run/a.sock'], '/a.toml', '/run/a.sock'],
    [['-config', '/a.toml', '--config', '/b.toml'], '/b.toml', '/run/containerd/containerd.sock'],
    [['--log-level', 'debug'], '/etc/containerd/config.toml', '/run/containerd/containerd.sock'],
  ];
  for (const [args, configuration, socket] of cases) {
    t.match(detectContainerd('/usr/local/bin/containerd', ...args), { configuration, socket }, args.join(' '));
  }
  const data = [
    [activeUnit('/usr/local/bin/k3s', 'server', '--data-dir', '/data/k3s'), '/data/k3s'],
    [activeUnit('/usr/local/bin/k3s', 'server', '-d=/data/k3s'), '/data/k3s'],
    [{ ...activeUnit('/usr/local/bin/k3s', 'server'), environment: ['A=b', 'K3S_DATA_DIR=/srv'] }, '/srv'],
  ] as const;
  for (const [unit, folder] of data) {
    t.match(detect({ 'k3s.service': unit }), {
      configuration: `${folder}/agent/etc/containerd/config.toml`,
      program: `${folder}/data/current/bin/containerd`,
    });
  }
  t.end();
});

t.test('detectLayout() refuses a unit from which nobody can tell what is read', t => {
  const commands = [
    [],
    ['/bin/sh', '-c', 'exec containerd'],
    ['/usr/bin/env', '/usr/bin/containerd'],
    ['containerd'],
    ['/usr/bin/containerd', '$CONTAINERD_ARGS'],
    ['/usr/bin/containerd', '--config', '${CONTAINERD_CONFIG}'],
  ];
  for (const command of commands) {
    t.match(detectContainerd(...command), { reason: 'LayoutUnsupported', sentence: 'containerd.service' });
  }
  for (const flag of ['--docker', '--container-runtime-endpoint=unix:///run/containerd/containerd.sock']) {
    t.match(detect({ 'k3s.service': activeUnit('/usr/local/bin/k3s', 'server', flag) }), { sentence: flag });
  }
  t.end();
});

t.test('detectLayout() names every runtime and system that it does not support, and what to do', t => {
  for (const known of KNOWN_UNITS) {
    if ('layout' in known) continue;
    const refusal = detect({ [known.unit]: activeUnit('/x') });
    t.match(refusal, { reason: 'LayoutUnsupported', sentence: known.unsupported, hint: known.hint });
  }
  const unsupported = KNOWN_UNITS.flatMap(known => ('layout' in known ? [] : [known.unsupported]));
  t.strictSame([...new Set(unsupported)], ['k0s', 'MicroK8s', 'CRI-O']);
  const systems = { talos: 'Talos', bottlerocket: 'Bottlerocket', cos: 'Container-Optimized OS', flatcar: 'Flatcar' };
  for (const [id, name] of Object.entries(systems)) {
    const osRelease = parseOsRelease(`ID=${id}\nVARIANT_ID="aws-k8s-1.33"\n`);
    const refusal = detect({ 'containerd.service': activeUnit('/usr/bin/containerd') }, { osRelease });
    t.match(refusal, { reason: 'LayoutUnsupported', sentence: `${name} (aws-k8s-1.33)` });
  }
  const osRelease = parseOsRelease('NAME="Debian GNU/Linux"\nID=debian\n');
  t.match(detect({ 'containerd.service': activeUnit('/usr/bin/containerd') }, { osRelease }), { name: 'containerd' });
  t.end();
});

t.test('detectLayout() refuses to choose between two units, and says what it found where there is none', t => {
  const two = { 'containerd.service': activeUnit('/usr/bin/containerd'), 'k3s.service': activeUnit('/k3s') };
  t.match(detect(two), { reason: 'LayoutAmbiguous', sentence: 'containerd.service and k3s.service' });
  const failed = { 'containerd.service': { ...activeUnit('/usr/bin/containerd'), activeState: 'failed' } };
  t.match(detect(failed, { files: ['/etc/crio'] }), {
    reason: 'LayoutUnknown',
    sentence: 'no unit of a known container runtime is active; containerd.service is failed; /etc/crio is there',
    hint: 'rke2-agent.service',
  });
  t.end();
});

t.test('parseOsRelease() reads what a shell would', t => {
  const text = '# comment\nID=debian\nNAME="A \\"B\\" \\$C"\n  VERSION=\'1 2\'  \nbroken line\nEMPTY=\n';
  t.strictSame(Object.fromEntries(parseOsRelease(text)), { ID: 'debian', NAME: 'A "B" $C', VERSION: '1 2', EMPTY: '' });
  t.end();
});

t.test('readLayoutFacts() asks for every known unit, and reads /etc/os-release or the one below /usr', async t => {
  const asked: string[] = [];
  const systemd = {
    unit: async (name: string) => {
      asked.push(name);
      return name === 'k3s.service' ? activeUnit('/k3s') : undefined;
    },
  };
  const root = t.testdir({ etc: { crio: {} }, usr: { lib: { 'os-release': 'ID=x\n' } } });
  const facts = await readLayoutFacts(openHostFiles(root), systemd);
  t.strictSame(
    asked,
    KNOWN_UNITS.map(({ unit }) => unit),
  );
  t.strictSame(facts.files, ['/etc/crio']);
  t.equal(facts.osRelease.get('ID'), 'x');
  t.match(detectLayout(facts), { name: 'k3s' });
  const bare = await readLayoutFacts(openHostFiles(t.testdir({ empty: {} })), systemd);
  t.equal(bare.osRelease.size, 0);
});
