import type { Test } from 'tap';
import {
  type ClusterUnderTest,
  createNamespace,
  createRunningPods,
  kernelOf,
  sleepingPod,
  valueOf,
} from './cluster-under-test.ts';
import { GVISOR_NODE } from './layout.ts';
import { forgetProof } from './node-agent-doubt-checks.ts';
import { agentMetric, containerdStart, waitForMarks } from './node-agent-view.ts';
import { rebootNode, runInNode, tryInNode } from './node-machine.ts';
import { waitForNodes } from './start-cluster.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'reboot';
const MARKER = '/opt/reboot-marker';
const MACHINE_ID = '/etc/machine-id';
const BOOT_ID = '/proc/1/stat';

/**
 * A node that reboots keeps what was written to it, is proved anew by its agent, which restarts nothing, and runs its
 * Pods in gVisor again by itself.
 */
export async function checkReboot(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  const pod = { namespace: NAMESPACE, name: 'before' };
  await createRunningPods(cluster, [{ ...pod, pod: sleepingPod('before', { spec: { nodeName: GVISOR_NODE.name } }) }]);
  const uid = await valueOf(cluster, { ...pod, kind: 'pod' }, '{.metadata.uid}');
  const identity = await read(MACHINE_ID);
  const started = startOf(await read(BOOT_ID));
  await runInNode(GVISOR_NODE, ['touch', MARKER]);
  const begun = Date.now();
  const rebooting = rebootNode(GVISOR_NODE, cluster.signal);
  await forgetBoot(cluster);
  await rebooting;
  const runtime = await containerdStart(GVISOR_NODE);

  t.not(startOf(await read(BOOT_ID)), started, 'the node has booted anew');
  t.match(identity, /^[0-9a-f]{32}\n$/);
  t.equal(await read(MACHINE_ID), identity, 'its machine-id stays');
  await t.resolves(runInNode(GVISOR_NODE, ['rm', MARKER]), 'and so does /opt');
  await waitUntil({
    what: `the Pod to be started again on ${GVISOR_NODE.name}`,
    seconds: 90,
    check: async () => {
      const path = '{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}';
      const state = await valueOf(cluster, { ...pod, kind: 'pod' }, path);
      return state === '1 true' ? state : undefined;
    },
    signal: cluster.signal,
  });
  const milliseconds = Date.now() - begun;
  t.match(await kernelOf(cluster, NAMESPACE, 'before'), '-gvisor', 'a Pod from before runs in gVisor again');
  t.equal(await valueOf(cluster, { ...pod, kind: 'pod' }, '{.metadata.uid}'), uid, 'and is the very same');
  await waitForNodes(cluster.parts.programs, cluster.signal);
  await waitForMarks(cluster, GVISOR_NODE, {
    what: 'to be proved in its new boot',
    seconds: 60,
    until: ({ label, message }) => label === 'ready' && /; proved in boot /.test(message),
  });
  t.equal(await agentMetric(cluster, GVISOR_NODE, 'proofs_total', 'result="passed"'), 1, 'by one proof');
  t.equal(await containerdStart(GVISOR_NODE), runtime, 'nobody restarted containerd');
  const spec = { nodeName: GVISOR_NODE.name };
  await createRunningPods(cluster, [{ namespace: NAMESPACE, name: 'after', pod: sleepingPod('after', { spec }) }]);
  t.match(await kernelOf(cluster, NAMESPACE, 'after'), '-gvisor', 'and so does a new one');
  cluster.note(
    'A node that reboots?',
    `its sandboxed Pod runs in gVisor again after ${(milliseconds / 1000).toFixed(0)} s`,
  );
}

/** Machines of this cluster share the boot id of the whole machine, so the Node is made to tell of another boot. */
async function forgetBoot(cluster: ClusterUnderTest): Promise<void> {
  await waitUntil({
    what: `${GVISOR_NODE.name} to be off`,
    seconds: 30,
    intervalMilliseconds: 20,
    check: async () =>
      await tryInNode(GVISOR_NODE, ['true']).then(
        () => undefined,
        () => 'off',
      ),
  });
  await forgetProof(cluster, GVISOR_NODE);
}

async function read(file: string): Promise<string> {
  return await runInNode(GVISOR_NODE, ['cat', file]);
}

/** When a process started: the 22nd field of its stat, the third and later ones after the name in parentheses. */
function startOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')')).split(' ')[20];
}
