import { readFile } from 'node:fs/promises';
import type { Test } from 'tap';
import { systemClock } from '../../src/kube/clock.ts';
import { connectKube } from '../../src/kube/connection.ts';
import { createKubeClient, type KubeClient } from '../../src/kube/kube-client.ts';
import { KubeError } from '../../src/kube/kube-error.ts';
import { RESOURCES } from '../../src/kube/resource.ts';
import type { ServerAccess } from '../../src/kube/server-access.ts';
import { watchObjects } from '../../src/kube/watch.ts';
import { readNodeView } from '../../src/node/marks/node-view.ts';
import { EVENT_NAMESPACE, planMarks, type WantedMarks } from '../../src/node/marks/plan-marks.ts';
import { NODE_CONDITION, STARTUP_TAINT } from '../../src/policy/keys.ts';
import { certificateFile } from './cluster-certificates.ts';
import { ClusterError } from './cluster-error.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { API_SERVER } from './layout.ts';

/** A Node that no kubelet has, so that nobody else writes what is looked at. */
const NODE = 'kube-checks';
const NAMESPACE = 'default';
const TARGET = { resource: RESOURCES.nodes, name: NODE };
const PODS = { resource: RESOURCES.pods, namespace: NAMESPACE };

/** The calls of `src/kube`, and what the node agent writes by them, on a real API server. */
export async function checkKube(t: Test, { kubectl }: ClusterUnderTest): Promise<void> {
  const authority = await readFile(certificateFile('ca', 'crt'), 'utf8');
  const certificate = await readFile(certificateFile('admin', 'crt'), 'utf8');
  const key = await readFile(certificateFile('admin', 'key'), 'utf8');
  const server = new URL(API_SERVER);
  const token = (await kubectl.run(['create', 'token', 'default', '--namespace', NAMESPACE])).trim();
  await checkCalls(t, {
    admin: { server, credentials: async () => ({ authority, clientCertificate: { certificate, key } }) },
    nobody: { server, credentials: async () => ({ authority, token }) },
    kubectl: kubectl.run,
  });
}

/** Who asks. */
export interface Callers {
  readonly admin: ServerAccess;
  /** A service account without rights. */
  readonly nobody: ServerAccess;
  readonly kubectl: (args: readonly string[]) => Promise<string>;
}

/** The same, on any API server. */
export async function checkCalls(t: Test, { admin, nobody, kubectl }: Callers): Promise<void> {
  const controller = new AbortController();
  const calls: string[] = [];
  const clientOf = (access: ServerAccess): KubeClient =>
    createKubeClient({
      connection: connectKube(access, 'gvisor-injector-test'),
      clock: systemClock,
      random: Math.random,
      signal: controller.signal,
      onCall: (verb, result) => calls.push(`${verb} ${result}`),
    });
  const client = clientOf(admin);
  const stranger = clientOf(nobody);
  await createNode(client);
  try {
    await t.test('refusals', t => checkRefusals(t, client, stranger));
    await t.test('marks', t => checkMarks(t, client, kubectl));
    await t.test('a watch', t => checkWatch(t, client, controller.signal));
  } finally {
    const { uid } = await client.get(TARGET);
    await client.remove(TARGET, { uid });
    await client.remove(TARGET, { uid });
    controller.abort();
    for (const each of [client, stranger]) each.close();
  }
  t.notOk(
    calls.some(call => call.endsWith('Unreachable')),
    'no call was lost',
  );
}

async function createNode(client: KubeClient): Promise<void> {
  const taints = [
    { key: 'kube-checks', effect: 'NoExecute' },
    { key: STARTUP_TAINT, effect: 'NoSchedule' },
  ];
  const labels = { 'gvisor-injector/install': 'true' };
  const metadata = { name: NODE, labels };
  await client.create({ resource: RESOURCES.nodes }, { apiVersion: 'v1', kind: 'Node', metadata, spec: { taints } });
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Test' }];
  await client.patch({ ...TARGET, subresource: 'status' }, { kind: 'strategic', content: { status: { conditions } } });
}

async function failureOf(work: Promise<unknown>): Promise<KubeError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
  throw new ClusterError('The API server refused nothing');
}

async function checkRefusals(t: Test, client: KubeClient, stranger: KubeClient): Promise<void> {
  t.match(await failureOf(client.get({ ...TARGET, name: 'no-such-node' })), {
    failure: 'NotFound',
    message: 'Cannot get nodes "no-such-node": nodes "no-such-node" not found',
  });
  t.match(await failureOf(stranger.patch({ ...TARGET, subresource: 'status' }, { kind: 'merge', content: {} })), {
    failure: 'Forbidden',
    message: /Cannot patch nodes\/status "kube-checks": .*system:serviceaccount:default:default/,
  });
  const conflict = { metadata: { resourceVersion: '1', labels: { a: 'b' } } };
  t.match(await failureOf(client.patch(TARGET, { kind: 'merge', content: conflict })), { failure: 'Conflict' });
  const operations = [{ op: 'test', path: '/spec/taints/0', value: { key: 'another', effect: 'NoSchedule' } }] as const;
  t.match(await failureOf(client.patch(TARGET, { kind: 'json', operations })), { failure: 'Invalid' });
  t.match(await failureOf(client.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: {} })), {
    failure: 'Invalid',
    sentence: /spec.containers: Required value/,
  });
  const spec = { nodeName: NODE, runtimeClassName: 'no-such-class', containers: [{ name: 'a', image: 'b' }] };
  t.match(await failureOf(client.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec })), {
    failure: 'Forbidden',
    sentence: /RuntimeClass "no-such-class" not found/,
  });
}

/** Marks the Node as the agent does: anew from what is there, as somebody else may write its taints at the same time. */
async function mark(client: KubeClient, wanted: WantedMarks) {
  for (let tries = 0; tries < 10; tries += 1) {
    const before = readNodeView(await client.get(TARGET));
    const { status, metadata, event } = before === undefined ? {} : planMarks(before, wanted, new Date());
    if (before === undefined || status === undefined || metadata === undefined || event === undefined) break;
    try {
      const after = readNodeView(await client.patch(TARGET, metadata));
      const marked = readNodeView(await client.patch({ ...TARGET, subresource: 'status' }, status));
      if (after === undefined || marked === undefined) break;
      return { before, after: marked, metadata, event };
    } catch (error) {
      if (!(error instanceof KubeError) || error.failure !== 'Invalid') throw error;
    }
  }
  throw new ClusterError('The Node cannot be marked');
}

async function checkMarks(t: Test, client: KubeClient, kubectl: Callers['kubectl']): Promise<void> {
  const message = 'gVisor starts sandboxes';
  const wanted: WantedMarks = {
    condition: { status: 'True', reason: 'Proved', message, event: 'Normal' },
    labels: { runsc: 'present' },
    liftTaint: true,
  };
  const { before, after, metadata, event } = await mark(client, wanted);
  t.match(after, { labelled: ['runsc'], condition: { status: 'True', reason: 'Proved', message } });
  const keys = after.taints.map(({ key }) => key);
  t.notOk(keys.includes(STARTUP_TAINT));
  t.ok(keys.includes('kube-checks'), 'other taints are left');
  t.match(
    await failureOf(client.patch(TARGET, metadata)),
    { failure: 'Invalid' },
    'a taint that is gone is not lifted twice',
  );
  const nothing = { status: undefined, metadata: undefined, event: undefined };
  t.strictSame(planMarks(after, wanted, new Date()), nothing, 'what was written is what is seen');
  const events = { resource: RESOURCES.events, namespace: EVENT_NAMESPACE };
  const { uid } = await client.create(events, event);
  t.match(await failureOf(client.create(events, event)), { failure: 'AlreadyExists' });
  const found = await client.list(events, { fieldSelector: `regarding.uid=${before.uid}` });
  t.ok(found.items.some(item => item.uid === uid));
  const told = await kubectl(['describe', 'node', NODE]);
  t.match(told, /Ready +True .*Test/, 'conditions of others are as before');
  t.match(told, new RegExp(`${NODE_CONDITION} +True .*Proved +${message}`));
  t.match(told, new RegExp(`Normal +Proved .*gvisor-injector/node +${message}`), 'kubectl describe shows the Event');
  await client.remove({ ...events, name: event.metadata.name }, { uid });
}

async function checkWatch(t: Test, client: KubeClient, signal: AbortSignal): Promise<void> {
  const told: string[] = [];
  const waiting = Promise.withResolvers<undefined>();
  const over = new AbortController();
  const versions: string[] = [];
  const watching = watchObjects({
    client,
    collection: { resource: RESOURCES.nodes },
    fieldSelector: `metadata.name=${NODE}`,
    handler: {
      listed: objects => told.push(`listed ${objects.map(({ name }) => name).join()}`),
      changed: object => {
        versions.push(object.resourceVersion);
        told.push(`changed ${JSON.stringify(object.content).includes('"kube-checks/seen":"yes"')}`);
        waiting.resolve(undefined);
      },
      removed: () => told.push('removed'),
      troubled: error => told.push(error.message),
    },
    clock: systemClock,
    random: Math.random,
    signal: AbortSignal.any([signal, over.signal]),
  });
  watching.catch(() => undefined);
  // The list comes first, whenever the change does.
  while (told.length === 0) await new Promise(setImmediate);
  const { resourceVersion } = await client.patch(TARGET, {
    kind: 'merge',
    content: { metadata: { labels: { 'kube-checks/seen': 'yes' } } },
  });
  await waiting.promise;
  over.abort();
  await t.rejects(watching, { name: 'AbortError' });
  t.strictSame(told, [`listed ${NODE}`, 'changed true']);
  t.strictSame(versions, [resourceVersion], 'an answer to a patch is as new as its event');
}
