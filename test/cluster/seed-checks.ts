import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createRunningPods, sleepingPod } from './cluster-under-test.ts';
import { GVISOR_RUNTIME_TYPE, installGvisorByHand, PLAIN_RUNTIME_TYPE } from './gvisor-by-hand.ts';
import { GVISOR_NODE, type NodeLayout } from './layout.ts';
import { NODE_PROGRAM_FOLDERS } from './node-files.ts';
import { runInNode } from './node-machine.ts';

/** Its Pods stay: the node agent finds them, and what they run by. */
export const BY_HAND_NAMESPACE = 'by-hand';

/** gVisor set up by hand on one node, and the checks that its author makes at the end. */
export async function checkGvisorByHand(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await installGvisorByHand(cluster.kubectl);
  await createNamespace(cluster, BY_HAND_NAMESPACE);
  const onNode = { nodeName: GVISOR_NODE.name };
  const inSandbox = sleepingPod('sandboxed', { spec: { ...onNode, runtimeClassName: 'gvisor' } });
  await createRunningPods(cluster, [
    { namespace: BY_HAND_NAMESPACE, name: 'plain', pod: sleepingPod('plain', { spec: onNode }) },
    { namespace: BY_HAND_NAMESPACE, name: 'sandboxed', pod: inSandbox },
  ]);

  const dmesg = ['--namespace', BY_HAND_NAMESPACE, '--', 'dmesg'];
  const plain = await cluster.kubectl.attempt(['exec', 'plain', ...dmesg]);
  t.match(plain.stderr, 'Operation not permitted', 'dmesg in the plain Pod is refused');
  t.not(plain.code, 0);
  const sandboxed = await cluster.kubectl.run(['exec', 'sandboxed', ...dmesg]);
  t.match(sandboxed, /^\[ +0\.000000\] Starting gVisor\.\.\./, 'dmesg in the sandboxed Pod shows gVisor booting');
  t.equal(await runtimeType('plain'), PLAIN_RUNTIME_TYPE, 'the plain Pod runs under runc');
  t.equal(await runtimeType('sandboxed'), GVISOR_RUNTIME_TYPE, 'the sandboxed Pod runs under runsc');
}

/** The runtime type of a Pod's container, as crictl says it on a node. */
export async function runtimeType(pod: string, node: NodeLayout = GVISOR_NODE): Promise<string> {
  const crictl = `${NODE_PROGRAM_FOLDERS.criTools}/crictl`;
  const id = await runInNode(node, [crictl, 'ps', '--quiet', '--label', `io.kubernetes.pod.name=${pod}`]);
  const template = ['--output', 'go-template', '--template', '{{ .info.runtimeType }}'];
  return (await runInNode(node, [crictl, 'inspect', ...template, id.trim()])).trim();
}
