import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createRunningPods, sleepingPod } from './cluster-under-test.ts';
import { GVISOR_NODE } from './layout.ts';
import { runInNode } from './node-machine.ts';
import { MEBIBYTE, OVERHEAD_MEBIBYTES, OVERHEAD_MILLICORES } from './overhead.ts';
import { readPodCgroup } from './pod-cgroup.ts';

const NAMESPACE = 'idle';
const PODS = 10;
const SECONDS = 10;
const NANOSECONDS_OF_A_MILLICORE_SECOND = 1e6;
/** A default overhead above this many times the cost would waste the nodes' memory. */
const MAXIMUM_RATIO = 3;

/** What one Pod's cgroup has used. */
interface Usage {
  readonly memoryBytes: number;
  readonly cpuNanoseconds: number;
}

/** What a Pod costs while it does nothing, the mean of several. */
interface IdleCost {
  readonly mebibytes: number;
  readonly millicores: number;
}

/**
 * The idle cost of a sandbox, which the default overhead is set from: empty Pods under runsc beside empty Pods under
 * runc, read from their cgroups.
 */
export async function checkIdleCost(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE);
  const plain = await measure(cluster, 'runc', {});
  const sandboxed = await measure(cluster, 'runsc', { runtimeClassName: 'gvisor' });
  t.ok(sandboxed.mebibytes > plain.mebibytes, 'a sandbox costs memory');
  t.ok(OVERHEAD_MEBIBYTES >= sandboxed.mebibytes, 'the default overhead covers the memory of an idle sandbox');
  t.ok(OVERHEAD_MEBIBYTES <= MAXIMUM_RATIO * sandboxed.mebibytes, 'and is not far above it');
  t.ok(OVERHEAD_MILLICORES >= sandboxed.millicores, 'the default overhead covers the CPU of an idle sandbox');
  const answer = `mean of ${PODS} empty Pods each: runc ${describe(plain)}; runsc ${describe(sandboxed)} (whole cgroup of the Pod). The default overhead is ${OVERHEAD_MEBIBYTES} MiB, ${OVERHEAD_MILLICORES} millicores`;
  cluster.note('What does an idle sandbox cost?', answer);
}

async function measure(cluster: ClusterUnderTest, runtime: string, runtimeClass: object): Promise<IdleCost> {
  const spec = { nodeName: GVISOR_NODE.name, ...runtimeClass };
  const names = Array.from({ length: PODS }, (_, index) => `${runtime}-${index}`);
  await createRunningPods(
    cluster,
    names.map(name => ({ namespace: NAMESPACE, name, pod: sleepingPod(name, { spec }) })),
  );
  const before = await usageOf(cluster, names);
  await runInNode(GVISOR_NODE, ['sleep', String(SECONDS)]);
  const after = await usageOf(cluster, names);
  await cluster.kubectl.run(['delete', 'pods', '--namespace', NAMESPACE, '--all', '--timeout=60s']);
  const used = mean(after.map(({ cpuNanoseconds }, index) => cpuNanoseconds - (before[index]?.cpuNanoseconds ?? 0)));
  return {
    mebibytes: mean(after.map(({ memoryBytes }) => memoryBytes)) / MEBIBYTE,
    millicores: used / SECONDS / NANOSECONDS_OF_A_MILLICORE_SECOND,
  };
}

async function usageOf(cluster: ClusterUnderTest, names: readonly string[]): Promise<readonly Usage[]> {
  const usages: Usage[] = [];
  for (const name of names) {
    const pod = { namespace: NAMESPACE, name };
    const memory = await readPodCgroup(cluster, pod, { version1: 'memory.usage_in_bytes', version2: 'memory.current' });
    const cpu = await readPodCgroup(cluster, pod, { version1: 'cpuacct.usage', version2: 'cpu.stat' });
    usages.push({ memoryBytes: Number(memory), cpuNanoseconds: cpuNanosecondsOf(cpu) });
  }
  return usages;
}

/** Version 1 has a file with nanoseconds, version 2 a table with microseconds. */
function cpuNanosecondsOf(text: string): number {
  const [, microseconds] = /^usage_usec (\d+)$/m.exec(text) ?? [];
  return microseconds === undefined ? Number(text) : Number(microseconds) * 1000;
}

function describe({ mebibytes, millicores }: IdleCost): string {
  return `${mebibytes.toFixed(1)} MiB, ${millicores.toFixed(2)} millicores`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
