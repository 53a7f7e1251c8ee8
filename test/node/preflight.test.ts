import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { cgroupDriverOf } from '../../src/node/host/cgroup-driver.ts';
import type { CgroupDriver, Host, KubeletCgroupDriver } from '../../src/node/host/host.ts';
import { preflight } from '../../src/node/host/preflight.ts';
import type { NodeReason, Refusal } from '../../src/node/reason.ts';
import { hostOf } from './host-value.ts';
import { configured, MEBIBYTE, PREFLIGHT_CASES as CASES, type PreflightCase, withDump } from './preflight-cases.ts';

const FOLDER = 'test/fixtures/node-preflight';
function refusalsOf({ host, request }: PreflightCase): readonly Refusal[] {
  const handlers = [{ name: 'runsc', flags: {} }];
  return preflight(hostOf(host), { handlers, payloadBytes: 100 * MEBIBYTE, cgroupDriver: undefined, ...request });
}

t.test(
  'preflight() refuses what keeps gVisor from a host, all of it at once; UPDATE_FIXTURES=1 writes the texts',
  t => {
    for (const [name, hostCase] of Object.entries(CASES)) {
      const refusals = refusalsOf(hostCase);
      const refused = hostCase.refused ?? [];
      t.strictSame(
        refusals.map(({ reason }) => reason),
        refused.map(([reason]) => reason),
        `${name}: reasons`,
      );
      for (const [index, [, ...found]] of refused.entries()) {
        for (const value of found) t.match(refusals[index]?.sentence, value, `${name} names ${value}`);
      }
      if (refused.length === 0) continue;
      const file = `${FOLDER}/${name}.expected.txt`;
      const text = refusals.map(({ reason, sentence, hint }) => `${reason}: ${sentence}\n  ${hint}\n`).join('');
      if (process.env['UPDATE_FIXTURES'] === '1') writeFileSync(file, text);
      t.equal(text, readFileSync(file, 'utf8'), file);
      t.notMatch(text, /\.\n/, `${name}: no full stop at the end of a sentence`);
    }
    t.strictSame(
      readdirSync(FOLDER),
      Object.entries(CASES)
        .filter(([, { refused = [] }]) => refused.length > 0)
        .map(([name]) => `${name}.expected.txt`)
        .toSorted(),
      'every expected text belongs to a case',
    );
    t.end();
  },
);

t.test('preflight() has a case for every reason that it can give', t => {
  const reasons: readonly NodeReason[] = [
    'ContainerdTooOld',
    'ContainerdKnownBad',
    'RuntimeNotLoaded',
    'KernelTooOld',
    'UserNamespacesOff',
    'SELinuxEnabled',
    'CRIDisabled',
    'ArchitectureUnsupported',
    'TargetNotExecutable',
    'TargetReadOnly',
    'TargetFull',
    'ConfigurationReadOnly',
    'HandlerTaken',
    'CgroupDriverUnknown',
    'RunscFlagInvalid',
  ];
  const seen = new Set(Object.values(CASES).flatMap(({ refused = [] }) => refused.map(([reason]) => reason)));
  t.strictSame([...seen].toSorted(), reasons.toSorted());
  t.end();
});

t.test('cgroupDriverOf() takes the word that counts most', t => {
  const observed: KubeletCgroupDriver = { driver: 'cgroupfs', kind: 'observed', source: '/sys/fs/cgroup/kubepods' };
  const table: readonly [string, Partial<Host>, CgroupDriver | undefined, CgroupDriver | undefined][] = [
    ['a flag, whatever else', { kubeletCgroupDriver: observed, runtimeCgroupDriver: 'cgroupfs' }, 'systemd', 'systemd'],
    ['a running kubelet', { kubeletCgroupDriver: observed, runtimeCgroupDriver: 'systemd' }, undefined, 'cgroupfs'],
    ['containerd 2', { kubeletCgroupDriver: undefined, runtimeCgroupDriver: 'cgroupfs' }, undefined, 'cgroupfs'],
    ['both', { kubeletCgroupDriver: configured('systemd'), runtimeCgroupDriver: 'systemd' }, undefined, 'systemd'],
    ['neither', { kubeletCgroupDriver: configured('systemd'), runtimeCgroupDriver: 'cgroupfs' }, undefined, undefined],
    ['the file', { kubeletCgroupDriver: configured('cgroupfs') }, undefined, 'cgroupfs'],
    ['runc', { kubeletCgroupDriver: undefined, ...withDump({ systemdCgroup: false }) }, undefined, 'cgroupfs'],
    ['runc', { kubeletCgroupDriver: undefined, ...withDump({ systemdCgroup: true }) }, undefined, 'systemd'],
  ];
  for (const [title, host, override, expected] of table) {
    t.equal(cgroupDriverOf(hostOf(host), override), expected, title);
  }
  t.end();
});
