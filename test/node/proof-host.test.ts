import t from 'tap';
import { NodeError } from '../../src/node/node-error.ts';
import { observePod } from '../../src/node/proof/host-view.ts';
import { readPodCgroup } from '../../src/node/proof/pod-cgroup.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import { hostWith, POD_SLICE, runtime, UID, VERSION_2 } from './proof-host.ts';
import { request } from './proof-values.ts';

function version1(base: string): Readonly<Record<string, string>> {
  return {
    [`/sys/fs/cgroup/memory${base}/memory.limit_in_bytes`]: '268435456\n',
    [`/sys/fs/cgroup/memory${base}/memory.usage_in_bytes`]: '62914560\n',
    [`/sys/fs/cgroup/cpu${base}/cpu.cfs_quota_us`]: '105000\n',
    [`/sys/fs/cgroup/cpu${base}/cpu.cfs_period_us`]: '100000\n',
  };
}

t.test('the cgroup of a Pod is found under either version and driver', async t => {
  const found = { memoryLimitBytes: 268_435_456, memoryUsageBytes: 62_914_560, processors: 1.05 };
  t.match(await readPodCgroup(hostWith(t, VERSION_2).files, UID), {
    ...found,
    path: POD_SLICE.slice('/sys/fs/cgroup'.length),
  });
  for (const base of [
    `/kubepods/pod${UID}`,
    `/kubepods/burstable/pod${UID}`,
    `/kubelet/kubepods/besteffort/pod${UID}`,
  ]) {
    t.match(await readPodCgroup(hostWith(t, version1(base)).files, UID), { ...found, path: base });
  }
  const kind = `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`;
  t.match(await readPodCgroup(hostWith(t, version1(kind)).files, UID), { ...found, path: kind });
  const unlimited = hostWith(t, {
    ...VERSION_2,
    [`${POD_SLICE}/memory.max`]: 'max\n',
    [`${POD_SLICE}/cpu.max`]: 'max 100000\n',
  });
  t.match(await readPodCgroup(unlimited.files, UID), { memoryLimitBytes: undefined, processors: undefined });
  const none = version1(`/kubepods/pod${UID}`);
  const huge = { ...none, [`/sys/fs/cgroup/memory/kubepods/pod${UID}/memory.limit_in_bytes`]: '9223372036854771712\n' };
  t.match(await readPodCgroup(hostWith(t, huge).files, UID), { memoryLimitBytes: undefined });
  t.equal(await readPodCgroup(hostWith(t, VERSION_2).files, 'ffffffff-1111-2222-3333-444455556666'), undefined);
});

t.test('the host is looked at until somebody says stop, and what was seen stays seen', async t => {
  const pod = { uid: UID, namespace: request.namespace, name: 'p' };
  const controller = new AbortController();
  const clock = new ManualClock();
  const { files, write } = hostWith(t, { ...VERSION_2, [`${POD_SLICE}/memory.current`]: '1000' });
  const seeing = observePod({ files, runtime, clock, signal: controller.signal }, pod);
  for (const usage of ['62914560', '2000', '0']) {
    await clock.fire(300);
    while (!clock.pending().includes(300)) await new Promise(setImmediate);
    write(`${POD_SLICE}/memory.current`, usage);
  }
  controller.abort();
  const view = await seeing;
  t.match(view, { sandbox: { handler: 'runsc' }, cgroup: { memoryUsageBytes: 62_914_560 }, trouble: undefined });

  const refusal = { reason: 'ContainerdUnreachable', sentence: 'nobody answers', hint: '' } as const;
  const silent = { ...runtime, sandboxes: async () => await Promise.reject(new NodeError('NodeFailed', refusal)) };
  const short = new AbortController();
  const blind = observePod({ files: hostWith(t, {}).files, runtime: silent, clock, signal: short.signal }, pod);
  await clock.fire(300);
  short.abort();
  t.strictSame(await blind, {
    sandbox: undefined,
    cgroup: undefined,
    trouble: 'ContainerdUnreachable: nobody answers',
  });
});
