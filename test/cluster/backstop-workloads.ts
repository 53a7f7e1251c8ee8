import type { Test } from 'tap';
import { isJsonObject, type JsonObject, member } from '../../src/policy/json.ts';
import { expectDone, parseObject } from './backstop-objects.ts';
import { describeObject, type Seen } from './backstop-seen.ts';
import { gatedPod, NAMESPACES, type Site } from './backstop-site.ts';
import { waitUntil } from './wait-until.ts';

/** What a workload's Pods came to. */
export interface WorkloadRow {
  readonly kind: string;
  readonly seen: Seen;
}

const NAMESPACE = NAMESPACES.gvisor.name;
/** A CronJob fires once a minute. */
const SECONDS = 90;

/** Makes one workload of each kind whose Pods ask for nothing, and looks at what becomes of the Pods. */
export async function checkWorkloads(t: Test, site: Site, expected: Seen): Promise<readonly WorkloadRow[]> {
  const rows: WorkloadRow[] = [];
  for (const workload of WORKLOADS) await create(site, workload);
  for (const { kind, name } of WORKLOADS) {
    const seen = await waitUntil({
      what: `Pods of ${kind} ${name}, or its complaint`,
      seconds: SECONDS,
      check: async () => (await podOf(site, name)) ?? (await complaintOf(site, name)),
    });
    t.equal(seen, expected, `the Pods of a ${kind}`);
    rows.push({ kind, seen });
  }
  for (const workload of WORKLOADS) await remove(site, workload);
  await waitUntil({
    what: 'the Pods of all workloads to be gone',
    seconds: 60,
    check: async () => ((await list(site, 'pods')).some(isOfWorkload) ? undefined : 'gone'),
  });
  return rows;
}

interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly collection: string;
  readonly apiVersion: string;
  readonly spec: object;
}

const WORKLOADS: readonly Workload[] = [
  apps('Deployment', 'deployments', { replicas: 1 }),
  apps('ReplicaSet', 'replicasets', { replicas: 1 }),
  apps('StatefulSet', 'statefulsets', { replicas: 1, serviceName: 'none' }),
  apps('DaemonSet', 'daemonsets', {}),
  {
    kind: 'ReplicationController',
    name: 'workload-replicationcontroller',
    collection: '/api/v1/namespaces/NAMESPACE/replicationcontrollers',
    apiVersion: 'v1',
    spec: { replicas: 1, selector: labels('ReplicationController'), template: template('ReplicationController') },
  },
  batch('Job', 'jobs', { template: template('Job') }),
  batch('CronJob', 'cronjobs', { schedule: '* * * * *', jobTemplate: { spec: { template: template('CronJob') } } }),
];

function apps(kind: string, plural: string, spec: object): Workload {
  const selector = { matchLabels: labels(kind) };
  const collection = `/apis/apps/v1/namespaces/NAMESPACE/${plural}`;
  return {
    kind,
    name: nameOf(kind),
    collection,
    apiVersion: 'apps/v1',
    spec: { ...spec, selector, template: template(kind) },
  };
}

function batch(kind: string, plural: string, spec: object): Workload {
  const collection = `/apis/batch/v1/namespaces/NAMESPACE/${plural}`;
  return { kind, name: nameOf(kind), collection, apiVersion: 'batch/v1', spec };
}

function nameOf(kind: string): string {
  return `workload-${kind.toLowerCase()}`;
}

function labels(kind: string): Record<string, string> {
  return { workload: nameOf(kind) };
}

function template(kind: string): object {
  const { spec } = parseObject(JSON.stringify(gatedPod('template')));
  const isBatch = kind === 'Job' || kind === 'CronJob';
  return {
    metadata: { labels: labels(kind) },
    spec: { ...(isJsonObject(spec) ? spec : {}), ...(isBatch ? { restartPolicy: 'Never' } : {}) },
  };
}

async function create({ api }: Site, { kind, name, collection, apiVersion, spec }: Workload): Promise<void> {
  const body = { apiVersion, kind, metadata: { name }, spec };
  const path = collection.replace('NAMESPACE', NAMESPACE);
  expectDone(await api.call({ method: 'POST', path, body }), `${kind} ${name}`);
}

async function remove({ api }: Site, { kind, name, collection }: Workload): Promise<void> {
  const path = `${collection.replace('NAMESPACE', NAMESPACE)}/${name}?propagationPolicy=Background`;
  expectDone(await api.call({ method: 'DELETE', path }), `${kind} ${name}`);
}

async function list({ api }: Site, resource: string): Promise<readonly JsonObject[]> {
  const { body } = await api.call({ method: 'GET', path: `/api/v1/namespaces/${NAMESPACE}/${resource}` });
  const items: unknown = parseObject(body)['items'];
  return Array.isArray(items) ? items.filter(isJsonObject) : [];
}

/** What the first Pod of a workload is; undefined while there is none. */
async function podOf(site: Site, name: string): Promise<Seen | undefined> {
  const pod = (await list(site, 'pods')).find(object => workloadOf(object) === name);
  return pod === undefined ? undefined : describeObject({ ...pod, kind: 'Pod' });
}

/** Why a workload has no Pods, as its own Event says. */
async function complaintOf(site: Site, name: string): Promise<Seen | undefined> {
  for (const event of await list(site, 'events')) {
    const involved = member(event, 'involvedObject');
    const about = isJsonObject(involved) ? String(member(involved, 'name')) : '';
    const { [1]: reason } = /denied request: (\w+): /.exec(String(member(event, 'message'))) ?? [];
    // A Deployment speaks through its ReplicaSet, a CronJob through its Job.
    if (reason !== undefined && (about === name || about.startsWith(`${name}-`))) return `backstop: ${reason}`;
  }
  return undefined;
}

function isOfWorkload(pod: JsonObject): boolean {
  return workloadOf(pod) !== undefined;
}

function workloadOf(pod: JsonObject): string | undefined {
  const metadata = member(pod, 'metadata');
  const found = isJsonObject(metadata) ? member(metadata, 'labels') : undefined;
  const name = isJsonObject(found) ? member(found, 'workload') : undefined;
  return typeof name === 'string' ? name : undefined;
}
