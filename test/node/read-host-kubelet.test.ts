import t from 'tap';
import type { KubeletCgroupDriver } from '../../src/node/host/host.ts';
import { readKubeletCgroupDriver } from '../../src/node/host/kubelet-cgroup-driver.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { expandCommand } from '../../src/node/host/unit-command.ts';
import { hostOf } from './host-value.ts';
import { type HostTree, type RunningHost, systemdOf } from './running-host.ts';

const CONFIGURED = { driver: 'systemd', kind: 'configured' } as const;

function kubelet(...command: readonly string[]): NonNullable<RunningHost['units']> {
  return { 'kubelet.service': { command: ['/usr/bin/kubelet', ...command] } };
}

t.test("readKubeletCgroupDriver() finds the kubelet's driver where each kind of node has it", async t => {
  const yaml = { var: { lib: { kubelet: { 'config.yaml': 'kind: KubeletConfiguration\ncgroupDriver: systemd\n' } } } };
  const table: readonly [string, HostTree, NonNullable<RunningHost['units']>, KubeletCgroupDriver | undefined][] = [
    ['no kubelet', {}, {}, undefined],
    ["kubeadm's file", yaml, kubelet(), { ...CONFIGURED, source: '/var/lib/kubelet/config.yaml' }],
    [
      "kubeadm's arguments, by a variable of the unit",
      { etc: { kubelet: { 'a.json': '{"cgroupDriver":"systemd"}' } } },
      {
        'kubelet.service': {
          command: ['/usr/bin/kubelet', '$A', '$B'],
          environment: ['A=--x=1 --config=/etc/kubelet/a.json'],
        },
      },
      { ...CONFIGURED, source: '/etc/kubelet/a.json' },
    ],
    [
      'an argument, by an environment file, counts more than the file',
      {
        var: {
          lib: {
            kubelet: {
              'config.yaml': 'cgroupDriver: cgroupfs\n',
              'kubeadm-flags.env': 'KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.1 --cgroup-driver=systemd"\n',
            },
          },
        },
      },
      kubelet('$KUBELET_KUBEADM_ARGS'),
      { ...CONFIGURED, source: 'the arguments of kubelet.service' },
    ],
    [
      'the last argument, of two words',
      yaml,
      kubelet('--cgroup-driver=systemd', '--cgroup-driver', 'cgroupfs'),
      { driver: 'cgroupfs', kind: 'configured', source: 'the arguments of kubelet.service' },
    ],
    [
      'the last drop-in that names one',
      {
        etc: {
          k: {
            '10-a.conf': 'cgroupDriver: cgroupfs\n',
            '20-b.conf': 'cgroupDriver: systemd',
            '30-c.conf': 'a: 1',
            'z.yaml': 'cgroupDriver: cgroupfs',
          },
        },
      },
      kubelet('--config-dir=/etc/k'),
      { ...CONFIGURED, source: '/etc/k/20-b.conf' },
    ],
    ['a file that does not say', { var: { lib: { kubelet: { 'config.yaml': 'a: 1\n' } } } }, kubelet(), undefined],
    ['a file that is no YAML', { var: { lib: { kubelet: { 'config.yaml': '{[' } } } }, kubelet(), undefined],
    [
      'a driver that nobody knows',
      { var: { lib: { kubelet: { 'config.yaml': 'cgroupDriver: x' } } } },
      kubelet(),
      undefined,
    ],
    [
      'the cgroup of a running kubelet counts more',
      { ...yaml, sys: { fs: { cgroup: { kubepods: {} } } } },
      kubelet(),
      { driver: 'cgroupfs', kind: 'observed', source: '/sys/fs/cgroup/kubepods' },
    ],
    [
      "kind's, in version 1",
      { sys: { fs: { cgroup: { memory: { 'kubelet.slice': { 'kubelet-kubepods.slice': {} } } } } } },
      {},
      { driver: 'systemd', kind: 'observed', source: '/sys/fs/cgroup/memory/kubelet.slice/kubelet-kubepods.slice' },
    ],
    [
      'two cgroups say nothing',
      { ...yaml, sys: { fs: { cgroup: { kubepods: {}, 'kubepods.slice': {} } } } },
      kubelet(),
      { ...CONFIGURED, source: '/var/lib/kubelet/config.yaml' },
    ],
  ];
  for (const [title, tree, units, expected] of table) {
    const files = openHostFiles(t.testdir(tree));
    t.strictSame(
      await readKubeletCgroupDriver({ files, systemd: systemdOf({ units }) }, hostOf().layout),
      expected,
      title,
    );
  }
});

t.test('readKubeletCgroupDriver() reads the drop-ins of k3s and RKE2 beside their data', async t => {
  const layout = {
    ...hostOf().layout,
    name: 'k3s',
    configuration: '/data/k3s/agent/etc/containerd/config.toml',
  } as const;
  const drop = { '00-k3s-defaults.conf': 'cgroupDriver: systemd\n' };
  const files = openHostFiles(t.testdir({ data: { k3s: { agent: { etc: { 'kubelet.conf.d': drop } } } } }));
  const source = '/data/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf';
  t.strictSame(await readKubeletCgroupDriver({ files, systemd: systemdOf({}) }, layout), { ...CONFIGURED, source });
});

t.test('expandCommand() puts variables in as systemd does', t => {
  const variables = ['A=one two', 'B=x', 'A=three  four'];
  t.strictSame(expandCommand(['p', '$A', '${A}', 'a${B}c', '$NONE', '${NONE}', 'x$B'], variables), [
    'p',
    'three',
    'four',
    'three  four',
    'axc',
    '',
    'x$B',
  ]);
  t.end();
});
