import type { Test } from 'tap';
import { LOG_MESSAGES } from '../../src/record/log-messages.ts';
import {
  type ClusterUnderTest,
  createNamespace,
  createRunningPods,
  kernelOf,
  sleepingPod,
} from './cluster-under-test.ts';
import { type NodeLayout, NODES } from './layout.ts';
import { agentLog, agentMetric, identityOf, marksOf } from './node-agent-view.ts';
import { runInNode } from './node-machine.ts';
import { waitForNodes } from './start-cluster.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'drift';
const RELEASES = '/opt/gvisor-injector/releases';
/** The poll of the files, the look, the repair, the proof, and the space between proofs. */
const SECONDS = 90;

/** Something that somebody does to a node. */
interface Drift {
  readonly what: string;
  readonly script: string;
}

/** Half of runsc, under its name: those that run keep the whole one. */
export const DAMAGED_RUNSC: Drift = {
  what: 'half of runsc',
  script: `cd ${RELEASES}/* && head -c 40000000 runsc >half && chmod 755 half && mv half runsc`,
};

const CONFIGURATION_DRIFT: Readonly<Record<NodeLayout['containerd'], Drift>> = {
  debian: {
    what: 'our block in config.toml, with another ConfigPath',
    script: `sed -i 's#^ConfigPath = .*#ConfigPath = "/nowhere.toml"#' /etc/containerd/config.toml`,
  },
  module: { what: 'our drop-in, removed', script: 'rm /etc/containerd/conf.d/99-gvisor-injector.toml' },
};

/** What others change of ours is put right and proved anew, under Pods that run. Then the kubelets start anew. */
export async function checkDrift(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  const pods = NODES.map(({ name }) => ({ namespace: NAMESPACE, name: `stays-on-${name}`, node: name }));
  await createRunningPods(
    cluster,
    pods.map(({ namespace, name, node }) => ({
      namespace,
      name,
      pod: sleepingPod(name, { spec: { nodeName: node } }),
    })),
  );
  const look = async (): Promise<readonly string[]> =>
    await Promise.all(
      pods.map(async pod => `${await identityOf(cluster, pod)} ${await kernelOf(cluster, NAMESPACE, pod.name)}`),
    );
  const before = await look();
  await Promise.all(
    NODES.map(async node => await checkRepair(t, cluster, { node, drift: CONFIGURATION_DRIFT[node.containerd] })),
  );
  await Promise.all(NODES.map(async node => await checkRepair(t, cluster, { node, drift: DAMAGED_RUNSC })));
  t.strictSame(await look(), before, 'sandboxed Pods keep running through all of it');
  for (const node of NODES) await runInNode(node, ['systemctl', 'restart', 'kubelet']);
  const fresh = NODES.map(({ name }) => ({ namespace: NAMESPACE, name: `new-on-${name}`, node: name }));
  await createRunningPods(
    cluster,
    fresh.map(({ namespace, name, node }) => ({
      namespace,
      name,
      pod: sleepingPod(name, { spec: { nodeName: node } }),
    })),
  );
  for (const { name } of fresh) t.match(await kernelOf(cluster, NAMESPACE, name), '-gvisor', 'and new ones start');
  // A kubelet that starts looks at the node's labels again, at the Pods that it finds first.
  t.strictSame(await look(), before, 'the kubelets were restarted, and the same Pods are there');
  for (const node of NODES) t.match(await marksOf(cluster, node), { label: 'ready', status: 'True' });
  await waitForNodes(cluster.parts.programs, cluster.signal);
  await cluster.kubectl.run(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
}

async function checkRepair(
  t: Test,
  cluster: ClusterUnderTest,
  { node, drift }: { readonly node: NodeLayout; readonly drift: Drift },
): Promise<void> {
  const count = async (): Promise<string> => {
    const repairs = await agentMetric(cluster, node, 'repairs_total');
    const proofs = await agentMetric(cluster, node, 'proofs_total', 'result="passed"');
    return `${repairs} ${proofs}`;
  };
  const [repairs = 0, proofs = 0] = (await count()).split(' ').map(Number);
  const begun = Date.now();
  const states = new Set<string>();
  await runInNode(node, ['sh', '-ec', drift.script]);
  await waitUntil({
    what: `${node.name} to be repaired and proved: ${drift.what}`,
    seconds: SECONDS,
    check: async () => {
      const { label, status, reason } = await marksOf(cluster, node);
      states.add(`${label} ${status} ${reason}`);
      return (await count()) === `${repairs + 1} ${proofs + 1}` ? 'repaired' : undefined;
    },
    signal: cluster.signal,
  });
  const seconds = (Date.now() - begun) / 1000;
  t.strictSame([...states], ['ready True Proved'], `${node.name} stays ready while it is repaired: ${drift.what}`);
  const told = (await agentLog(cluster, node))
    .split('\n')
    .findLast(line => line.includes(`"message":"${LOG_MESSAGES.nodeDrift}"`));
  t.ok(told, 'the log says what was changed');
  cluster.note(
    `Drift on ${node.name}: ${drift.what}?`,
    `repaired and proved anew after ${seconds.toFixed(0)} s; the node stays ready. The log: ${detailOf(told)}`,
  );
}

function detailOf(line = ''): string {
  return /"detail":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
}
