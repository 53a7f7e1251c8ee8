import { NODE_NAME } from '../../src/manifest/names.ts';
import {
  DEFAULT_NAMESPACE,
  handlerLabel,
  NODE_CONDITION,
  nodeNamespace,
  proofNamespace,
} from '../../src/policy/keys.ts';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { ClusterError } from './cluster-error.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { type NodeLayout, NODES } from './layout.ts';
import { NODE_PROGRAM_FOLDERS } from './node-files.ts';
import { runInNode } from './node-machine.ts';
import { waitUntil } from './wait-until.ts';

export const AGENT_NAMESPACE = nodeNamespace(DEFAULT_NAMESPACE);
export const PROOF_NAMESPACE = proofNamespace(DEFAULT_NAMESPACE);
export const AGENT_DAEMON_SET = `daemonset/${NODE_NAME}`;
/** The label of the default policy's handler. */
export const READY_KEY = handlerLabel('runsc');

const AGENT_SELECTOR = 'app.kubernetes.io/component=node';

/** What a Node says of gVisor. */
export interface NodeMarks {
  /** Undefined without the label. */
  readonly label: string | undefined;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** Seconds since 1970, of the condition's last transition. */
  readonly since: number;
}

/** What a Node says of gVisor; empty texts before it says anything. */
export async function marksOf({ kubectl }: ClusterUnderTest, { name }: NodeLayout): Promise<NodeMarks> {
  const node = parse(await kubectl.run(['get', 'node', name, '--output', 'json']));
  const label = at(node, 'metadata', 'labels', READY_KEY);
  const conditions = at(node, 'status', 'conditions');
  const condition: unknown = Array.isArray(conditions)
    ? conditions.find(candidate => at(candidate, 'type') === NODE_CONDITION)
    : undefined;
  return {
    label: typeof label === 'string' ? label : undefined,
    status: textAt(condition, 'status'),
    reason: textAt(condition, 'reason'),
    message: textAt(condition, 'message'),
    since: Date.parse(textAt(condition, 'lastTransitionTime')) / 1000,
  };
}

/** Waits until a Node says something of gVisor. @throws {ClusterError} */
export async function waitForMarks(
  cluster: ClusterUnderTest,
  node: NodeLayout,
  wait: { readonly what: string; readonly seconds: number; readonly until: (marks: NodeMarks) => boolean },
): Promise<NodeMarks> {
  const { what, seconds, until } = wait;
  let marks: NodeMarks | undefined;
  try {
    await waitUntil({
      what: `${node.name} ${what}`,
      seconds,
      check: async () => {
        marks = await marksOf(cluster, node);
        return until(marks) ? 'so' : undefined;
      },
      signal: cluster.signal,
    });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const log = await agentLog(cluster, node).catch(() => 'no log');
    throw new ClusterError(words, [JSON.stringify(marks), ...log.trimEnd().split('\n').slice(-15)]);
  }
  if (marks === undefined) throw new ClusterError(`${node.name} was never seen`);
  return marks;
}

/** Waits until a Node is ready by proof. */
export async function waitForProof(cluster: ClusterUnderTest, node: NodeLayout, seconds = 90): Promise<NodeMarks> {
  return await waitForMarks(cluster, node, {
    what: 'to be ready by proof',
    seconds,
    until: ({ label, status, reason }) => label === 'ready' && status === 'True' && reason === 'Proved',
  });
}

/** Labels a Node, or with a value of undefined takes the label off. */
export async function labelNode(
  { kubectl }: ClusterUnderTest,
  { name }: NodeLayout,
  [key, value]: readonly [string, string | undefined],
): Promise<void> {
  await kubectl.run(['label', '--overwrite', 'node', name, value === undefined ? `${key}-` : `${key}=${value}`]);
}

/** The agent's Pod on a node. @throws {ClusterError} when there is none that is to stay */
export async function agentPod(
  { kubectl }: ClusterUnderTest,
  { name }: NodeLayout,
): Promise<{ readonly name: string; readonly restarts: number; readonly startedAt: number }> {
  const args = ['get', 'pods', '--namespace', AGENT_NAMESPACE, '--selector', AGENT_SELECTOR, '--output', 'json'];
  const items = at(parse(await kubectl.run([...args, `--field-selector=spec.nodeName=${name}`])), 'items');
  const pods: readonly unknown[] = Array.isArray(items) ? items : [];
  const pod = pods.find(candidate => at(candidate, 'metadata', 'deletionTimestamp') === undefined);
  if (pod === undefined) throw new ClusterError(`there is no node agent on ${name}`);
  const container = at(pod, 'status', 'containerStatuses', '0');
  return {
    name: textAt(pod, 'metadata', 'name'),
    restarts: Number(at(container, 'restartCount') ?? 0),
    startedAt: Date.parse(textAt(container, 'state', 'running', 'startedAt')) / 1000,
  };
}

/** Deletes the agent's Pod, and waits until its successor has looked at the node. */
export async function replaceAgent(cluster: ClusterUnderTest, node: NodeLayout): Promise<void> {
  const { name } = await agentPod(cluster, node);
  await cluster.kubectl.run(['delete', 'pod', '--namespace', AGENT_NAMESPACE, name, '--timeout=60s']);
  await waitForAgents(cluster);
}

/** Waits until all agents are the newest, and have looked at their nodes. */
export async function waitForAgents({ kubectl }: ClusterUnderTest): Promise<void> {
  const args = ['rollout', 'status', '--namespace', AGENT_NAMESPACE, AGENT_DAEMON_SET, '--timeout=180s'];
  await kubectl.run(args, { timeout: 190_000 });
}

/** What the agent on a node has logged since it started. */
export async function agentLog(cluster: ClusterUnderTest, node: NodeLayout): Promise<string> {
  const { name } = await agentPod(cluster, node);
  return await cluster.kubectl.run(['logs', '--namespace', AGENT_NAMESPACE, name, '--tail=-1']);
}

/** The sum of a metric of the agent on a node, of the samples that have these labels. */
export async function agentMetric(
  cluster: ClusterUnderTest,
  node: NodeLayout,
  metric: string,
  labels = '',
): Promise<number> {
  return (await agentSamples(cluster, node))
    .filter(({ name }) => name.startsWith(`gvisor_injector_node_${metric}`) && name.includes(labels))
    .reduce((sum, { value }) => sum + value, 0);
}

/** All samples of the agent's metrics on a node, each with its labels in its name. */
export async function agentSamples(
  cluster: ClusterUnderTest,
  node: NodeLayout,
): Promise<readonly { readonly name: string; readonly value: number }[]> {
  const { name } = await agentPod(cluster, node);
  const path = `/api/v1/namespaces/${AGENT_NAMESPACE}/pods/${name}:9090/proxy/metrics`;
  const text = await cluster.kubectl.run(['get', '--raw', path]);
  return text.split('\n').flatMap(line => {
    const end = line.lastIndexOf(' ');
    return line.startsWith('#') || end < 0 ? [] : [{ name: line.slice(0, end), value: Number(line.slice(end + 1)) }];
  });
}

/** When containerd was started last on a node, as its systemd counts: differs after every restart. */
export async function containerdStart(node: NodeLayout): Promise<string> {
  return await runInNode(node, ['systemctl', 'show', 'containerd', '--property=ActiveEnterTimestampMonotonic']);
}

/**
 * Waits until no sandbox runs on a node, and removes what CRI still has of those that have ended, as a kubelet does by
 * itself within a minute or two: until then a removal is refused.
 */
export async function clearSandboxes(node: NodeLayout): Promise<void> {
  const crictl = `${NODE_PROGRAM_FOLDERS.criTools}/crictl`;
  const script = `${crictl} pods --state notready --quiet | xargs --no-run-if-empty ${crictl} rmp >/dev/null`;
  await waitUntil({
    what: `no sandbox to be on ${node.name}`,
    seconds: 60,
    check: async () => {
      await runInNode(node, ['sh', '-c', script]);
      const pods = await runInNode(node, [crictl, 'pods', '--output', 'json']);
      return /"runtimeHandler":\s*"runsc"/.test(pods) ? undefined : 'none';
    },
  });
}

/** The node on which a Pod runs. @throws {ClusterError} when it is on none */
export async function nodeOf(
  { kubectl }: ClusterUnderTest,
  pod: { readonly namespace: string; readonly name: string },
): Promise<NodeLayout> {
  const args = ['get', 'pod', '--namespace', pod.namespace, pod.name, '--output', 'jsonpath={.spec.nodeName}'];
  const name = await kubectl.run(args);
  const node = NODES.find(candidate => candidate.name === name);
  if (node === undefined) throw new ClusterError(`Pod ${pod.namespace}/${pod.name} is on no node: '${name}'`);
  return node;
}

/** Who a Pod is, and how often its container was restarted: the same text while nothing happens to it. */
export async function identityOf(
  { kubectl }: ClusterUnderTest,
  pod: { readonly namespace: string; readonly name: string },
): Promise<string> {
  const path = '{.metadata.uid} {.status.containerStatuses[0].restartCount} {.status.phase}';
  return await kubectl.run(['get', 'pod', '--namespace', pod.namespace, pod.name, '--output', `jsonpath=${path}`]);
}

function parse(text: string): unknown {
  return JSON.parse(text);
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    found = Array.isArray(found) ? found[Number(key)] : isJsonObject(found) ? member(found, key) : undefined;
  }
  return found;
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const text = at(value, ...path);
  return typeof text === 'string' ? text : '';
}
