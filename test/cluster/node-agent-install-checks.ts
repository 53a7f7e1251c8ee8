import type { Test } from 'tap';
import { INSTALL_LABEL } from '../../src/policy/keys.ts';
import { hostTree } from '../host/host-tree.ts';
import {
  type ClusterUnderTest,
  createNamespace,
  createPod,
  createRunningPods,
  kernelOf,
  sleepingPod,
} from './cluster-under-test.ts';
import { removeGvisorByHand } from './gvisor-by-hand.ts';
import { waitForRollout } from './install-webhook.ts';
import { GVISOR_NODE, type NodeLayout, NODES } from './layout.ts';
import {
  agentLog,
  agentMetric,
  agentPod,
  agentSamples,
  containerdStart,
  identityOf,
  labelNode,
  marksOf,
  waitForMarks,
  waitForProof,
} from './node-agent-view.ts';
import { runInNode } from './node-machine.ts';
import { runReadmeCommand } from './readme-install.ts';
import { BY_HAND_NAMESPACE } from './seed-checks.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'readme';
const READY_SECONDS = 60;
/** Of anonymous memory: what a node loses by the agent. The program's own pages are a file's, shared and given back. */
const PRIVATE_MEBIBYTES = 40;

/** Files of a node that an install can touch, by the node's name. */
export type NodeTrees = ReadonlyMap<string, readonly string[]>;

/** The first of the README's three commands. */
export async function checkReadmeApply(t: Test, { kubectl }: ClusterUnderTest): Promise<void> {
  t.match(await runReadmeCommand(kubectl, 'apply'), /daemonset.apps\/gvisor-injector-node created/);
  await waitForRollout(kubectl);
}

/** A node on which somebody set gVisor up by hand: proved and labelled as it is, given back as it is. */
export async function checkAdoption(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const pods = ['plain', 'sandboxed'].map(name => ({ namespace: BY_HAND_NAMESPACE, name }));
  const look = async (): Promise<unknown> => [
    await treeOf(GVISOR_NODE),
    await containerdStart(GVISOR_NODE),
    await Promise.all(pods.map(async pod => await identityOf(cluster, pod))),
  ];
  const before = await look();
  await runReadmeCommand(cluster.kubectl, 'label node', GVISOR_NODE.name);
  const { message } = await waitForProof(cluster, GVISOR_NODE);
  t.match(message, /^gVisor as others set it up starts sandboxes as handler runsc; proved/);
  cluster.note(
    'A node on which somebody set gVisor up by hand?',
    `proved and labelled, and nothing changed: ${message}`,
  );
  await labelNode(cluster, GVISOR_NODE, [INSTALL_LABEL, 'false']);
  await waitForRemoval(cluster, GVISOR_NODE);
  t.strictSame(await look(), before, 'no file, no restart, no Pod was touched, though a sandbox of it was running');
  await labelNode(cluster, GVISOR_NODE, [INSTALL_LABEL, undefined]);
  await waitForNoAgent(cluster, GVISOR_NODE);
  await cluster.kubectl.run(['delete', 'namespace', BY_HAND_NAMESPACE, '--timeout=60s']);
  await removeGvisorByHand();
}

/** Waits until an agent has removed gVisor from its node. */
export async function waitForRemoval(cluster: ClusterUnderTest, node: NodeLayout, seconds = 30): Promise<void> {
  await waitForMarks(cluster, node, {
    what: 'to have gVisor removed',
    seconds,
    until: ({ label, reason }) => label === undefined && reason === 'Removed',
  });
}

/** Waits until there is no agent on a node. */
export async function waitForNoAgent(cluster: ClusterUnderTest, node: NodeLayout): Promise<void> {
  await waitUntil({
    what: `the agent to leave ${node.name}`,
    seconds: 60,
    check: async () =>
      await agentPod(cluster, node).then(
        () => undefined,
        () => 'gone',
      ),
  });
}

/** Both nodes at once, from nothing to ready by proof, by the second of the README's commands. */
export async function checkNodeInstall(t: Test, cluster: ClusterUnderTest): Promise<NodeTrees> {
  const original = new Map<string, readonly string[]>();
  for (const node of NODES) original.set(node.name, await treeOf(node));
  await createNamespace(cluster, NAMESPACE);
  const plain = NODES.map(({ name }) => ({ namespace: NAMESPACE, name: `plain-${name}`, node: name }));
  await createRunningPods(
    cluster,
    plain.map(({ namespace, name, node }) => ({
      namespace,
      name,
      pod: sleepingPod(name, { spec: { nodeName: node } }),
    })),
  );
  const identities = await Promise.all(plain.map(async pod => await identityOf(cluster, pod)));
  const begun = Date.now();
  for (const { name } of NODES) await runReadmeCommand(cluster.kubectl, 'label node', name);
  const seconds = await Promise.all(
    NODES.map(async node => {
      const { message } = await waitForProof(cluster, node);
      t.match(message, /^gVisor \S+ starts sandboxes as handler runsc; proved in boot /);
      return (Date.now() - begun) / 1000;
    }),
  );
  t.strictSame(
    await Promise.all(plain.map(async pod => await identityOf(cluster, pod))),
    identities,
    'Pods keep running',
  );
  for (const [index, node] of NODES.entries()) await noteInstall(t, cluster, { node, seconds: seconds[index] ?? 0 });
  return original;
}

async function noteInstall(
  t: Test,
  cluster: ClusterUnderTest,
  { node, seconds }: { readonly node: NodeLayout; readonly seconds: number },
): Promise<void> {
  const { startedAt } = await agentPod(cluster, node);
  const { since } = await marksOf(cluster, node);
  const started = since - startedAt;
  t.ok(started < READY_SECONDS, `${node.name} is ready ${started} s after the agent's start`);
  const pause = await agentMetric(cluster, node, 'runtime_pause_seconds_total');
  t.ok(pause > 0 && pause < 10, `containerd was away for ${pause} s`);
  const steps = await stepSeconds(cluster, node);
  const calls = await callsOf(cluster, node);
  const memory = await memoryOf(node);
  t.ok(memory.anonymous < PRIVATE_MEBIBYTES, `the agent has ${memory.anonymous} MiB of its own`);
  t.equal(await agentLog(cluster, node).then(text => text.includes('"level":"error"')), false, 'nothing went wrong');
  const version = await runInNode(node, [
    'sh',
    '-c',
    '$(systemctl show containerd --property=MainPID --value | xargs -I{} readlink /proc/{}/exe) --version',
  ]);
  cluster.note(
    `From nothing to ready: ${node.name}, containerd ${version.split(' ')[2] ?? ''}?`,
    [
      `${seconds.toFixed(1)} s from the label to ready, ${started} s from the start of the agent's container (whole seconds; both nodes at once, the image is there). ${steps}.`,
      `The container runtime was away for ${(pause * 1000).toFixed(0)} ms.`,
      `The agent after it: ${memory.total} MiB of RSS, of which ${memory.anonymous} MiB are its own and ${memory.file} MiB are pages of files, almost all of Node's program.`,
      `Requests to the API server: ${calls.text}.`,
    ].join('\n'),
  );
}

async function stepSeconds(cluster: ClusterUnderTest, node: NodeLayout): Promise<string> {
  const samples = await agentSamples(cluster, node);
  const parts = samples.flatMap(({ name, value }) => {
    const [, step] = /^gvisor_injector_node_step_seconds_total\{step="(\w+)"/.exec(name) ?? [];
    return step === undefined ? [] : [`${step} ${value.toFixed(1)} s`];
  });
  return `Steps: ${parts.join(', ')}`;
}

/** Requests of an agent until now, by verb. */
export async function callsOf(
  cluster: ClusterUnderTest,
  node: NodeLayout,
): Promise<{ readonly total: number; readonly text: string }> {
  const verbs = new Map<string, number>();
  for (const { name, value } of await agentSamples(cluster, node)) {
    const [, verb] = /^gvisor_injector_node_api_requests_total\{verb="(\w+)"/.exec(name) ?? [];
    if (verb !== undefined) verbs.set(verb, (verbs.get(verb) ?? 0) + value);
  }
  const total = [...verbs.values()].reduce((sum, value) => sum + value, 0);
  return { total, text: `${total} (${[...verbs].map(([verb, value]) => `${verb} ${value}`).join(', ')})` };
}

/** The memory of the agent's long-lived process, in whole MiB. */
export async function memoryOf(
  node: NodeLayout,
): Promise<{ readonly total: number; readonly anonymous: number; readonly file: number }> {
  const status = await runInNode(node, ['cat', `/proc/${await agentProcess(node)}/status`]);
  const mebibytes = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024);
  return { total: mebibytes('VmRSS'), anonymous: mebibytes('RssAnon'), file: mebibytes('RssFile') };
}

/** The id of the agent's long-lived process, as its node counts. */
export async function agentProcess(node: NodeLayout): Promise<string> {
  return (await runInNode(node, ['pgrep', '--oldest', '--full', '^/nodejs/bin/node /app/agent.cjs '])).trim();
}

/** The last of the README's commands, and what it is for. */
export async function checkReadmeNamespace(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await runReadmeCommand(cluster.kubectl, 'label namespace', NAMESPACE);
  await waitUntil({
    what: 'the API server to see the label of the namespace',
    seconds: 10,
    check: async () => {
      const { body } = await createPod(cluster, NAMESPACE, sleepingPod('try'), { dryRun: true });
      return body.includes('"runtimeClassName":"gvisor"') ? body : undefined;
    },
  });
  await createRunningPods(cluster, [{ namespace: NAMESPACE, name: 'first', pod: sleepingPod('first') }]);
  t.match(await kernelOf(cluster, NAMESPACE, 'first'), '-gvisor', 'the first Pod after three commands is in gVisor');
  await cluster.kubectl.run(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
}

/** Every file of a node that an install can touch, but for the agent's own folder, which is there while it is mounted. */
export async function treeOf(node: NodeLayout): Promise<readonly string[]> {
  const lines = await hostTree({ run: async command => await runInNode(node, command) });
  return lines.filter(line => !line.includes(' /var/lib/gvisor-injector'));
}
