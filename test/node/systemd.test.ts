import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import { connectSystemd } from '../../src/node/systemd/connect-systemd.ts';
import { holdLock, LOCK_UNIT } from '../../src/node/systemd/lock.ts';
import type { ReceivedCall } from './systemd-peer.ts';
import { refusedWith } from './refused-with.ts';
import { endJob, namesBelow, refuse, scriptedSystemd, spawnUnit, writeOutput } from './scripted-systemd.ts';

const CONTAINERD = {
  'Unit.LoadState': 'loaded',
  'Unit.ActiveState': 'active',
  'Unit.ActiveEnterTimestamp': 1795576316237650n,
  'Service.ExecStart': [['/usr/bin/containerd', ['containerd', '-c', '/x'], false, 0n, 0n, 0n, 0n, 0, 0, 0]],
  'Service.Environment': ['PATH=/opt/bin', 'A=b'],
  'Service.MainPID': 72,
} as const;
const EXITED = { 'Service.Result': 'exit-code', 'Service.ExecMainCode': 1, 'Service.ExecMainStatus': 3 } as const;
const RUN = { purpose: 'dump', command: ['/bin/program', '$HOME', 'a b'], timeoutSeconds: 2 } as const;

t.test('a unit is told with what its service is, and one that there is not is undefined', async t => {
  const { systemd } = await scriptedSystemd(t, { properties: CONTAINERD });
  t.strictSame(await systemd.unit('containerd.service'), {
    activeState: 'active',
    activeSince: 1795576316237650,
    command: ['containerd', '-c', '/x'],
    environment: ['PATH=/opt/bin', 'A=b'],
    mainProcess: 72,
  });
  t.match(await systemd.unit('some.timer'), { activeState: 'active', command: [], environment: [], mainProcess: 0 });
  const none = await scriptedSystemd(t, { properties: { 'Unit.LoadState': 'not-found' } });
  t.equal(await none.systemd.unit('nothing.service'), undefined);
  const refused = await scriptedSystemd(t, { properties: {} });
  await refusedWith(t, refused.systemd.unit('a.service'), 'SystemdUnreachable', 'Get of LoadState', 'UnknownProperty');
});

t.test('a job is waited for although it ends before it is named, and its result is told', async t => {
  const { systemd, peer } = await scriptedSystemd(t, {
    override: call => {
      if (call.values[0] !== 'broken.service') return false;
      endJob(call, 'failed');
      return true;
    },
  });
  t.equal(await systemd.restart('containerd.service'), 'done');
  t.equal(await systemd.start('broken.service'), 'failed');
  await systemd.reload();
  await systemd.resetFailed('nothing.service');
  const members = peer.calls.map(({ member }) => member);
  t.strictSame(members, ['Subscribe', 'RestartUnit', 'StartUnit', 'Reload', 'ResetFailedUnit']);
});

t.test('a job that is refused is named by the refusal, and to stop what is not there is done', async t => {
  const word = { value: 'NoSuchUnit' };
  const override = (call: ReceivedCall): boolean => (refuse(call, word.value), true);
  const { systemd } = await scriptedSystemd(t, { override });
  t.equal(await systemd.restart('nothing.service'), 'NoSuchUnit');
  t.equal(await systemd.stop('nothing.service'), 'done');
  word.value = 'UnitMasked';
  t.equal(await systemd.start('masked.service'), 'UnitMasked');
  t.equal(await systemd.stop('masked.service'), 'UnitMasked');
  await refusedWith(
    t,
    systemd.resetFailed('a.service'),
    'SystemdUnreachable',
    'ResetFailedUnit was refused',
    'UnitMasked',
  );
  await refusedWith(t, systemd.reload(), 'SystemdUnreachable', 'Reload was refused');
});

t.test('a systemd that is not there, stalls or goes away is said so, and is asked again by the next call', async t => {
  const socket = '/nothing/private';
  const { files } = await scriptedSystemd(t);
  await refusedWith(t, connectSystemd({ socket, files }), 'SystemdUnreachable', socket, 'ENOENT');

  const stalls = await scriptedSystemd(t, { override: () => true }, { call: 40, reload: 40, job: 40 });
  await refusedWith(
    t,
    stalls.systemd.restart('a.service'),
    'SystemdUnreachable',
    'no answer to RestartUnit within 40 ms',
  );

  const times = { call: 5000, reload: 5000, job: 40 };
  const endless = await scriptedSystemd(t, { override: call => (call.reply('o', ['/job']), true) }, times);
  await refusedWith(t, endless.systemd.restart('a.service'), 'SystemdUnreachable', 'no end of the job of RestartUnit');

  let isGone = false;
  const { systemd, peer } = await scriptedSystemd(t, {
    override: call => {
      if (isGone) return false;
      isGone = true;
      call.reply('o', ['/job']);
      call.hangUp();
      return true;
    },
  });
  await refusedWith(t, systemd.restart('a.service'), 'SystemdUnreachable', 'closed by the other side');
  const results = await Promise.all(['a.service', 'b.service'].map(async unit => await systemd.restart(unit)));
  t.strictSame(results, ['done', 'done'], 'as when systemd executes itself anew');
  t.equal(peer.authentications.length, 2, 'calls at the same time share the new connection');
});

t.test('a program is run as a transient unit, and leaves nothing', async t => {
  const unit = { name: '' };
  const { systemd, peer, root } = await scriptedSystemd(t, {
    properties: EXITED,
    start: (start, root) => {
      unit.name = start.unit;
      t.strictSame(start.command, ['/bin/program', '$HOME', 'a b'], 'systemd puts no variables into it');
      t.match(Object.fromEntries(start.properties), {
        Type: 'oneshot',
        RemainAfterExit: true,
        TimeoutStartUSec: 2_000_000n,
        Environment: ['A=b'],
      });
      t.strictSame(namesBelow(root).slice(-2), [
        `var/lib/gvisor-injector/output/${start.unit}.err`,
        `var/lib/gvisor-injector/output/${start.unit}.out`,
      ]);
      writeOutput(start, root, { out: 'out\n', err: 'err\n' });
      return 'failed';
    },
  });
  const result = await systemd.run({ ...RUN, environment: ['A=b'] });
  t.strictSame(result, { exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
  t.match(unit.name, /^gvisor-injector-dump-[0-9a-f]{12}\.service$/);
  t.strictSame(namesBelow(root), ['var', 'var/lib'], 'neither files nor folders');
  const last = peer.calls.slice(-2).map(({ member }) => member);
  t.strictSame(last, ['StopUnit', 'ResetFailedUnit'], 'nor the unit');
  await t.rejects(systemd.run({ ...RUN, purpose: 'A B' }), TypeError);
});

t.test('a program that a signal or the time has ended has no exit code', async t => {
  const ends = [
    [{ ...EXITED, 'Service.ExecMainCode': 2, 'Service.ExecMainStatus': 9 }, undefined, ''],
    [{ ...EXITED, 'Service.Result': 'timeout', 'Service.ExecMainStatus': 0 }, undefined, ''],
    [{ ...EXITED, 'Service.ExecMainStatus': 203 }, 203, 'systemd could not execute /bin/program: status 203'],
  ] as const;
  for (const [properties, exitCode, stderr] of ends) {
    const { systemd } = await scriptedSystemd(t, { properties });
    const result = await systemd.run(RUN);
    t.equal(result.exitCode, exitCode);
    t.ok(result.stderr.startsWith(stderr), stderr);
  }
});

t.test('what a run has made is removed when systemd goes away, and a folder that was there stays', async t => {
  const { systemd, root } = await scriptedSystemd(t, {
    override: call => {
      if (call.message.member === 'StartTransientUnit') call.hangUp();
      return call.message.member === 'StartTransientUnit';
    },
  });
  mkdirSync(join(root, 'var/lib/gvisor-injector'));
  await refusedWith(t, systemd.run(RUN), 'SystemdUnreachable');
  t.strictSame(namesBelow(root), ['var', 'var/lib', 'var/lib/gvisor-injector']);
});

t.test('what an agent that died has left of its runs is removed, and a program that still runs is not', async t => {
  const properties = { 'Unit.ActiveState': 'active' };
  const { systemd, root, peer } = await scriptedSystemd(t, { properties });
  const folder = join(root, 'var/lib/gvisor-injector/output');
  await systemd.removeFinishedRuns();
  mkdirSync(folder, { recursive: true });
  const unit = 'gvisor-injector-oracle-0123456789ab.service';
  for (const name of [`${unit}.out`, `${unit}.err`, 'of-somebody-else']) writeFileSync(join(folder, name), '');
  properties['Unit.ActiveState'] = 'activating';
  await systemd.removeFinishedRuns();
  t.ok(existsSync(join(folder, `${unit}.out`)), 'it still runs');
  properties['Unit.ActiveState'] = 'active';
  await systemd.removeFinishedRuns();
  t.strictSame(namesBelow(folder), ['of-somebody-else']);
  t.equal(peer.calls.filter(({ member }) => member === 'StopUnit').length, 1);
});

t.test('the lock is held by a program that ends with who holds it', async t => {
  const held: ReturnType<typeof spawnUnit>[] = [];
  const override = (call: ReceivedCall): boolean => {
    const isRunning = held.some(child => child.exitCode === null && child.signalCode === null);
    if (call.message.member === 'StartTransientUnit' && isRunning) return (refuse(call, 'UnitExists'), true);
    return false;
  };
  const { systemd, files, root } = await scriptedSystemd(t, {
    override,
    start: (start, root) => {
      t.equal(start.unit, LOCK_UNIT);
      held.push(spawnUnit(start, root));
      return 'done';
    },
  });
  const release = await holdLock({ systemd, files, root });
  t.strictSame(namesBelow(root), ['var', 'var/lib'], 'nothing is left in the file system while it is held');
  let slept = 0;
  const sleep = async (milliseconds: number): Promise<void> => void (slept += milliseconds);
  await refusedWith(t, holdLock({ systemd, files, root, sleep }), 'Busy', LOCK_UNIT);
  t.ok(slept >= 2000, 'one that has just died would be gone by then');
  const ended = once(held[0] ?? t, 'exit');
  await release();
  t.strictSame(await ended, [0, null], 'the program has seen the end of the pipe');
  await (await holdLock({ systemd, files, root }))();
  t.equal(held.length, 2, 'it can be taken again');
});

t.test('a lock whose pipe does not appear is not held', async t => {
  const { systemd, files, root } = await scriptedSystemd(t);
  const attempt = holdLock({ systemd, files, root, sleep: immediate });
  await refusedWith(t, attempt, 'SystemdUnreachable', '/var/lib/gvisor-injector/lock', LOCK_UNIT);
  t.strictSame(namesBelow(root), ['var', 'var/lib']);
});
