import type { Test } from 'tap';
import {
  type ClusterUnderTest,
  createNamespace,
  createPod,
  sleepingPod,
  waitForRunning,
} from './cluster-under-test.ts';
import { GVISOR_NODE } from './layout.ts';
import { runInNode } from './node-machine.ts';

const NAMESPACE = 'idle';
const PODS = 10;
const SECONDS = 10;
const MEBIBYTE = 1024 * 1024;
/** The default overhead has to be above what an idle sandbox costs, and not far from it. */
const MAXIMUM_MEMORY_MEBIBYTES = 96;

/** What one Pod's cgroup has used. */
interface Usage {
  readonly memoryBytes: number;
  readonly cpuNanoseconds: number;
}

/** The idle cost of a sandbox: empty Pods under runsc beside empty Pods under runc, read from their cgroups. */
export async function checkIdleCost(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE);
  const costs: Record<string, string> = {};
  const means: Record<string, number> = {};
  for (const runtime of ['runc', 'runsc']) {
    const spec = { nodeName: GVISOR_NODE.name, ...(runtime === 'runsc' ? { runtimeClassName: 'gvisor' } : {}) };
    const names = Array.from({ length: PODS }, (_, index) => `${runtime}-${index}`);
    for (const name of names) await createPod(cluster, NAMESPACE, sleepingPod(name, { spec }));
    for (const name of names) await waitForRunning(cluster, NAMESPACE, name);
    const before = await usageOf(cluster, names);
    await runInNode(GVISOR_NODE, ['sleep', String(SECONDS)]);
    const after = await usageOf(cluster, names);
    const memory = mean(after.map(({ memoryBytes }) => memoryBytes)) / MEBIBYTE;
    const used = mean(after.map(({ cpuNanoseconds }, index) => cpuNanoseconds - (before[index]?.cpuNanoseconds ?? 0)));
    means[runtime] = memory;
    costs[runtime] = `${memory.toFixed(1)} MiB, ${(used / SECONDS / 1e6).toFixed(2)} millicores`;
    await cluster.kubectl.run(['delete', 'pods', '--namespace', NAMESPACE, '--all', '--timeout=60s']);
  }
  t.ok((means['runsc'] ?? 0) > (means['runc'] ?? 0), 'a sandbox costs memory');
  t.ok((means['runsc'] ?? 0) < MAXIMUM_MEMORY_MEBIBYTES, 'and not much');
  const answer = `mean of ${PODS} empty Pods each: runc ${costs['runc']}; runsc ${costs['runsc']} (whole cgroup of the Pod)`;
  cluster.note('What does an idle sandbox cost?', answer);
}

async function usageOf({ kubectl }: ClusterUnderTest, names: readonly string[]): Promise<readonly Usage[]> {
  const usages: Usage[] = [];
  for (const name of names) {
    const get = ['get', 'pod', '--namespace', NAMESPACE, name, '--output', 'jsonpath={.metadata.uid}'];
    const uid = await kubectl.run(get);
    usages.push({
      memoryBytes: await readCgroupFile(uid, 'memory.usage_in_bytes'),
      cpuNanoseconds: await readCgroupFile(uid, 'cpuacct.usage'),
    });
  }
  return usages;
}

/** A file of the cgroup of a Pod, of cgroup version 1. */
async function readCgroupFile(uid: string, name: string): Promise<number> {
  const find = ['find', '/sys/fs/cgroup', '-path', `*pod${uid}/${name}`];
  const [file = ''] = (await runInNode(GVISOR_NODE, find)).split('\n');
  return Number(await runInNode(GVISOR_NODE, ['cat', file]));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
