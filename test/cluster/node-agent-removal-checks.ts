import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { INSTALL_LABEL } from '../../src/policy/keys.ts';
import {
  type ClusterUnderTest,
  createNamespace,
  createRunningPods,
  kernelOf,
  sleepingPod,
} from './cluster-under-test.ts';
import { installProduct } from './install-webhook.ts';
import { GVISOR_NODE, NODES, STATE_FOLDER } from './layout.ts';
import { type NodeTrees, treeOf, waitForRemoval } from './node-agent-install-checks.ts';
import {
  identityOf,
  labelNode,
  type NodeMarks,
  clearSandboxes,
  waitForAgents,
  waitForMarks,
  waitForProof,
} from './node-agent-view.ts';

const NAMESPACE = 'removal';
const [, OTHER_NODE] = NODES;

/** A node is given back, once its sandboxes have ended, and comes back; meanwhile the policy is a bad one. */
export async function checkRemoval(t: Test, cluster: ClusterUnderTest, original: NodeTrees): Promise<void> {
  const { kubectl } = cluster;
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  const pods = NODES.map(({ name }) => ({ namespace: NAMESPACE, name: `on-${name}`, node: name }));
  await createRunningPods(
    cluster,
    pods.map(({ namespace, name, node }) => ({
      namespace,
      name,
      pod: sleepingPod(name, { spec: { nodeName: node } }),
    })),
  );
  await labelNode(cluster, GVISOR_NODE, [INSTALL_LABEL, 'false']);
  const refused = await waitForMarks(cluster, GVISOR_NODE, {
    what: 'to refuse the removal',
    seconds: 30,
    until: ({ reason }) => reason === 'SandboxesPresent',
  });
  t.match(refused, { label: 'ready', status: 'True', message: `${NAMESPACE}/on-${GVISOR_NODE.name}` });
  cluster.note('gVisor is to be removed, and sandboxes run?', refused.message);
  const drain = ['drain', GVISOR_NODE.name, '--ignore-daemonsets', '--force', '--grace-period=1', '--timeout=60s'];
  await kubectl.run(drain);
  const begun = Date.now();
  await clearSandboxes(GVISOR_NODE);
  await waitForRemoval(cluster, GVISOR_NODE, 150);
  const seconds = (Date.now() - begun) / 1000;
  await kubectl.run(['uncordon', GVISOR_NODE.name]);
  t.strictSame(await treeOf(GVISOR_NODE), original.get(GVISOR_NODE.name), 'every byte, mode and owner is as before');
  cluster.note(
    'And when the node was drained?',
    `removed ${seconds.toFixed(0)} s later: it looks after half a minute, then less often. What CRI still has of sandboxes that have ended counts too, and goes by the kubelet within a minute or two. Every file below /etc, /opt and /usr/local is as it was`,
  );
  await checkBadPolicy(t, cluster, pods[1] ?? { namespace: NAMESPACE, name: '' });
  await kubectl.run(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
}

/** There is a /dev/kvm, and no node has it: runsc knows the platform, and no sandbox starts by it. */
const BAD_FLAGS = { platform: 'kvm' };

/** One node has the label of a proof, the other has to earn it: neither is fooled. */
async function checkBadPolicy(
  t: Test,
  cluster: ClusterUnderTest,
  running: { readonly namespace: string; readonly name: string },
): Promise<void> {
  const { kubectl } = cluster;
  const before = await identityOf(cluster, running);
  await installProduct(kubectl, { policy: await policyWith(BAD_FLAGS) });
  await labelNode(cluster, GVISOR_NODE, [INSTALL_LABEL, 'true']);
  const [fresh, proved] = await Promise.all(
    NODES.map(
      async node => await waitForMarks(cluster, node, { what: 'to fail its proof', seconds: 120, until: isFailed }),
    ),
  );
  t.match(fresh, { label: undefined, message: /^handler runsc: no sandbox started: .*platform/ });
  t.match(proved, { label: 'ready', message: /; the label stays unless the next proof fails too$/ });
  cluster.note('A flag by which no sandbox starts (platform = kvm)?', `no ready label, and: ${fresh?.message}`);
  cluster.note('And on a node that was proved before?', `the label stays at first: ${proved?.message}`);
  await waitForAgents(cluster);
  await installProduct(kubectl);
  await waitForAgents(cluster);
  for (const node of NODES) await waitForProof(cluster, node, 120);
  t.equal(await identityOf(cluster, running), before, 'what was sandboxed before runs through all of it');
  t.match(await kernelOf(cluster, running.namespace, running.name), '-gvisor', `on ${OTHER_NODE.name}`);
}

function isFailed({ status, reason }: NodeMarks): boolean {
  return status === 'False' && reason === 'ProofFailed';
}

async function policyWith(runscFlags: Readonly<Record<string, string>>): Promise<string> {
  const file = join(STATE_FOLDER, 'policy.yaml');
  const policy = {
    apiVersion: 'gvisor-injector/v1alpha1',
    kind: 'SandboxPolicy',
    profiles: [{ name: 'gvisor', runscFlags }],
  };
  await writeFile(file, JSON.stringify(policy));
  return file;
}
