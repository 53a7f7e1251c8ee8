import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { INSTALL_LABEL, NODE_CONDITION } from '../../src/policy/keys.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { startApiServer, stopApiServer } from './control-plane.ts';
import { type NodeLayout, NODES } from './layout.ts';
import { DAMAGED_RUNSC } from './node-agent-drift-checks.ts';
import { waitForNoAgent } from './node-agent-install-checks.ts';
import { agentMetric, agentPod, labelNode, marksOf, PROOF_NAMESPACE, waitForMarks } from './node-agent-view.ts';
import { runInNode } from './node-machine.ts';
import { waitForNodes } from './start-cluster.ts';
import { waitUntil } from './wait-until.ts';

const QUOTA = 'no-pods';
const AWAY_SECONDS = 75;
const [NODE, OTHER_NODE] = NODES;

/** What says nothing of gVisor costs no node its label. */
export async function checkDoubts(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await checkQuota(t, cluster);
  await checkApiServerAway(t, cluster);
}

/** Somebody's quota keeps the Pods of proofs out. */
async function checkQuota(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  await kubectl.run(['create', 'quota', QUOTA, '--hard=pods=0', '--namespace', PROOF_NAMESPACE]);
  await askForProof(cluster, NODE);
  await waitUntil({
    what: `${NODE.name} to try a proof against the quota`,
    seconds: 60,
    check: async () =>
      (await agentMetric(cluster, NODE, 'proofs_total', 'cause="Quota"')) > 0 ? 'inconclusive' : undefined,
    signal: cluster.signal,
  });
  t.match(
    await marksOf(cluster, NODE),
    { label: 'ready', status: 'True' },
    'a proof that a quota refuses says nothing',
  );
  await kubectl.run(['delete', 'quota', QUOTA, '--namespace', PROOF_NAMESPACE]);
  await askForProof(cluster, NODE);
  await waitForMarks(cluster, NODE, {
    what: 'to be proved without the quota',
    seconds: 60,
    until: ({ label, message }) => label === 'ready' && message.includes('; proved in boot '),
  });
}

/** Without the label there is no agent; with another sentence on its Node it has to prove what it finds. */
async function askForProof(cluster: ClusterUnderTest, node: NodeLayout): Promise<void> {
  await labelNode(cluster, node, [INSTALL_LABEL, undefined]);
  await waitForNoAgent(cluster, node);
  await forgetProof(cluster, node);
  await labelNode(cluster, node, [INSTALL_LABEL, 'true']);
}

/** Makes the Node say that it was proved in another boot. */
export async function forgetProof({ kubectl }: ClusterUnderTest, { name }: NodeLayout): Promise<void> {
  const condition = { type: NODE_CONDITION, status: 'True', reason: 'Proved', message: 'proved in another boot' };
  const patch = JSON.stringify({ status: { conditions: [condition] } });
  await kubectl.run(['patch', 'node', name, '--subresource=status', '--type=strategic', '--patch', patch]);
}

/** The API server is away: agents stay, repair, and take no label. */
async function checkApiServerAway(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { programs } = cluster.parts;
  const pods = async (): Promise<unknown> =>
    await Promise.all(
      NODES.map(async node => {
        const { name, restarts } = await agentPod(cluster, node);
        return [name, restarts, (await marksOf(cluster, node)).label];
      }),
    );
  const before = await pods();
  await stopApiServer(cluster.signal);
  const begun = Date.now();
  await runInNode(OTHER_NODE, ['sh', '-ec', DAMAGED_RUNSC.script]);
  await waitUntil({
    what: `${OTHER_NODE.name} to be repaired without an API server`,
    seconds: AWAY_SECONDS,
    check: async () => await runInNode(OTHER_NODE, ['sh', '-c', '/opt/gvisor-injector/releases/*/runsc --version']),
  });
  const repaired = (Date.now() - begun) / 1000;
  await setTimeout(Math.max(0, begun + AWAY_SECONDS * 1000 - Date.now()));
  await startApiServer(programs, cluster.signal);
  await waitForNodes(programs, cluster.signal);
  for (const node of NODES) t.match(await marksOf(cluster, node), { label: 'ready', status: 'True' });
  t.strictSame(await pods(), before, 'no label was lost, and no agent started anew');
  await waitUntil({
    what: `${OTHER_NODE.name} to be proved after its repair`,
    seconds: 150,
    check: async () =>
      (await agentMetric(cluster, OTHER_NODE, 'proofs_total', 'result="inconclusive"')) >= 1 &&
      (await agentMetric(cluster, OTHER_NODE, 'proofs_total', 'result="passed"')) >= 1
        ? 'proved'
        : undefined,
  });
  cluster.note(
    `The API server away for ${AWAY_SECONDS} s?`,
    `no label is lost and no agent starts anew; runsc, damaged meanwhile, was repaired after ${repaired.toFixed(0)} s and proved once there was an API server again`,
  );
}
