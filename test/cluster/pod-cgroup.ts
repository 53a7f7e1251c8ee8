import { ClusterError } from './cluster-error.ts';
import { type ClusterUnderTest, valueOf } from './cluster-under-test.ts';
import { nodeOf } from './node-agent-view.ts';
import { runInNode, tryInNode } from './node-machine.ts';

/** A file of a cgroup, by its name in version 1 and in version 2. */
export interface CgroupFile {
  readonly version1: string;
  readonly version2: string;
}

/**
 * A file of the cgroup of a Pod, all of its containers and its sandbox in it, read on its node.
 *
 * @throws {ClusterError} when the Pod has no such group there
 */
export async function readPodCgroup(
  cluster: ClusterUnderTest,
  pod: { readonly namespace: string; readonly name: string },
  { version1, version2 }: CgroupFile,
): Promise<string> {
  const node = await nodeOf(cluster, pod);
  const uid = await valueOf(cluster, { ...pod, kind: 'pod' }, '{.metadata.uid}');
  const group = `/sys/fs/cgroup/*pod${uid}`;
  const find = ['find', '/sys/fs/cgroup', '-path', `${group}/${version1}`, '-o', '-path', `${group}/${version2}`];
  // Its exit code says nothing: groups of other Pods go while it walks.
  const [file = ''] = (await tryInNode(node, find)).stdout.split('\n');
  if (file === '')
    throw new ClusterError(`The cgroup of Pod ${pod.namespace}/${pod.name} has no ${version1} or ${version2}`);
  return await runInNode(node, ['cat', file]);
}
