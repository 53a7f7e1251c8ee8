import { join } from 'node:path';
import type { ApiAnswer, ApiClient } from './api-client.ts';
import { ClusterError } from './cluster-error.ts';
import { runCommand } from './run-command.ts';
import type { Kubectl } from './kubectl.ts';
import { WEBHOOK_NAMESPACE, WEBHOOK_SELECTOR } from './install-webhook.ts';
import { REPOSITORY } from './layout.ts';
import type { ClusterParts } from './start-cluster.ts';
import { TEST_IMAGE } from './test-image.ts';
import { waitUntil } from './wait-until.ts';

/** What the checks work with. */
export interface ClusterUnderTest {
  readonly kubectl: Kubectl;
  readonly api: ApiClient;
  readonly parts: ClusterParts;
  readonly signal: AbortSignal;
  /** Notes what was found out, for docs/api-server-behaviour.md. */
  readonly note: (question: string, answer: string) => void;
}

/** What a Pod of the tests may have beyond a container that sleeps. */
export interface PodOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly container?: Readonly<Record<string, unknown>>;
}

/** Of the kinds that are not in v1. */
const API_VERSIONS: Readonly<Record<string, string>> = { DaemonSet: 'apps/v1', Deployment: 'apps/v1', Job: 'batch/v1' };

/** A Pod that sleeps. A name that ends in a dash becomes `generateName`. */
export function sleepingPod(name: string, { annotations = {}, spec = {}, container = {} }: PodOptions = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...(name.endsWith('-') ? { generateName: name } : { name }), annotations },
    spec: podSpec({ spec, container }),
  };
}

/** The spec of a Pod that sleeps and ends at once when told to. */
export function podSpec({ spec = {}, container = {} }: PodOptions = {}): object {
  return {
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    dnsPolicy: 'Default',
    containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', ...container }],
    ...spec,
  };
}

/** Creates a namespace with labels. It is right at once: labels that are there from the start need no watch. */
export async function createNamespace(
  { kubectl }: ClusterUnderTest,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await kubectl.run(['create', '--filename', '-'], { input: JSON.stringify(object) });
  await waitUntil({
    what: `the service account of namespace ${name}`,
    // The controller that makes it comes back to an API server that was away after a minute at most.
    seconds: 120,
    check: async () => await kubectl.run(['get', 'serviceaccount', 'default', '--namespace', name]),
  });
}

/** Removes the namespaces that the tests made, with everything in them. */
export async function removeTestNamespaces({ kubectl }: ClusterUnderTest): Promise<void> {
  const names = await kubectl.run(['get', 'namespaces', '--output', 'jsonpath={.items[*].metadata.name}']);
  const own = names.split(' ').filter(name => !/^(default$|kube-|gvisor-injector)/.test(name));
  if (own.length > 0) await kubectl.run(['delete', 'namespaces', ...own, '--timeout=110s']);
}

/** Asks the API server to create a Pod. */
export async function createPod(
  { api }: ClusterUnderTest,
  namespace: string,
  pod: object | string,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<ApiAnswer> {
  const query = dryRun ? '?dryRun=All' : '';
  const body = typeof pod === 'string' ? pod : JSON.stringify(pod);
  return await api.post(`/api/v1/namespaces/${namespace}/pods${query}`, body);
}

/** A Pod to be created, and where. */
export interface PodToRun {
  readonly namespace: string;
  readonly name: string;
  readonly pod: object;
}

/** Creates Pods and waits until all of them run. @throws {ClusterError} when one is refused, or does not run */
export async function createRunningPods(cluster: ClusterUnderTest, pods: readonly PodToRun[]): Promise<void> {
  for (const { namespace, name, pod } of pods) {
    const { status, body } = await createPod(cluster, namespace, pod);
    if (status !== 201) throw new ClusterError(`Pod ${namespace}/${name} was refused`, [body]);
  }
  for (const { namespace, name } of pods) await waitForRunning(cluster, namespace, name);
}

/** Creates an object of a namespace that has a spec, such as a workload. @throws {ClusterError} when it is refused */
export async function createObject(
  { kubectl }: ClusterUnderTest,
  object: { readonly kind: string; readonly namespace: string; readonly name: string; readonly spec: object },
): Promise<void> {
  const { kind, namespace, name, spec } = object;
  const manifest = { apiVersion: API_VERSIONS[kind] ?? 'v1', kind, metadata: { namespace, name }, spec };
  await kubectl.run(['create', '--filename', '-'], { input: JSON.stringify(manifest) });
}

/** One value of an object, by JSONPath. */
export async function valueOf(
  { kubectl }: ClusterUnderTest,
  object: { readonly namespace: string; readonly kind: string; readonly name: string },
  path: string,
): Promise<string> {
  const { namespace, kind, name } = object;
  return await kubectl.run(['get', '--namespace', namespace, kind, name, '--output', `jsonpath=${path}`]);
}

/** Waits until a Pod runs. */
export async function waitForRunning(cluster: ClusterUnderTest, namespace: string, name: string): Promise<void> {
  await waitUntil({
    what: `Pod ${namespace}/${name} to run`,
    seconds: 60,
    check: async () => {
      const phase = await valueOf(cluster, { namespace, kind: 'pod', name }, '{.status.phase}');
      return phase === 'Running' ? phase : undefined;
    },
    signal: cluster.signal,
  });
}

/** The kernel that a container of a Pod sees. */
export async function kernelOf({ kubectl }: ClusterUnderTest, namespace: string, name: string): Promise<string> {
  return (await kubectl.run(['exec', '--namespace', namespace, name, '--', 'uname', '-r'])).trim();
}

/** The webhook's logs, all replicas. */
export async function webhookLogs({ kubectl }: ClusterUnderTest): Promise<string> {
  const args = ['logs', '--namespace', WEBHOOK_NAMESPACE, '--selector', WEBHOOK_SELECTOR, '--tail=-1', '--prefix'];
  return await kubectl.run(args);
}

/** What `audit` says of the webhook's logs, as JSON. */
export async function auditReport(cluster: ClusterUnderTest): Promise<string> {
  return await audit(cluster, 'json');
}

/** What `audit` says of the webhook's logs, as a person sees it. */
export async function auditTable(cluster: ClusterUnderTest): Promise<string> {
  return await audit(cluster, 'table');
}

async function audit(cluster: ClusterUnderTest, output: 'json' | 'table'): Promise<string> {
  const args = [join(REPOSITORY, 'src/cli/main.ts'), 'audit', '--output', output];
  return await runCommand(process.execPath, args, { input: await webhookLogs(cluster) });
}
