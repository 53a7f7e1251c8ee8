import t, { type Test } from 'tap';
import { readOwnImage } from '../../src/node/proof/own-image.ts';
import { type ProofOptions, runProof } from '../../src/node/proof/run-proof.ts';
import { type Answer, type ApiServer, json, serveApi, status, watchLine } from '../kube/api-server.ts';
import { clientOf } from '../kube/client-trial.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import { hostWith, runtime, UID, VERSION_2 } from './proof-host.ts';
import { evidence, kubeletEvent, NETWORK_TRAP, request } from './proof-values.ts';

/** The Pod of a proof at one version. */
function podAt(version: string, podStatus: object, name = 'p'): object {
  const metadata = { name, namespace: request.namespace, uid: UID, resourceVersion: version };
  const spec = {
    overhead: { cpu: '50m', memory: '64Mi' },
    containers: [{ resources: { limits: { cpu: '1', memory: '192Mi' } } }],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec, status: podStatus };
}

const created = podAt('5', { phase: 'Pending' });
const ended = podAt('6', {
  phase: 'Succeeded',
  containerStatuses: [
    { state: { terminated: { exitCode: 0, reason: 'Completed', message: JSON.stringify(evidence) } } },
  ],
});

/** What a test says otherwise than an API server on which all goes well; by method, `WATCH` and `EVENTS`. */
type Routes = Partial<Record<'POST' | 'GET' | 'WATCH' | 'EVENTS' | 'DELETE', readonly [Answer, ...Answer[]]>>;

async function serveProof(t: Test, routes: Routes): Promise<ApiServer> {
  const counts = new Map<string, number>();
  const all: Required<Routes> = {
    POST: [json(created, { status: 201 })],
    GET: [json(created)],
    WATCH: [stream([watchLine('MODIFIED', ended)])],
    EVENTS: [json({ metadata: { resourceVersion: '9' }, items: [] })],
    DELETE: [json({ kind: 'Status', status: 'Success' })],
    ...routes,
  };
  return await serveApi(t, [
    (response, served) => {
      const { method, path, query } = served;
      const route =
        method !== 'GET' ? method : query.has('watch') ? 'WATCH' : path.includes('/events') ? 'EVENTS' : 'GET';
      if (!(route in all)) throw new Error(route);
      const answers =
        all[route === 'POST' || route === 'DELETE' || route === 'WATCH' || route === 'EVENTS' ? route : 'GET'];
      const count = counts.get(route) ?? 0;
      counts.set(route, count + 1);
      (answers[count] ?? answers.at(-1) ?? answers[0])(response, served);
    },
  ]);
}

function stream(lines: readonly string[]): Answer {
  return response => {
    response.writeHead(200);
    response.flushHeaders();
    for (const line of lines) response.write(line);
  };
}

async function prove(t: Test, routes: Routes, changes: Partial<ProofOptions> = {}) {
  const server = await serveProof(t, routes);
  // Only what a test waits for is waited for: polls and retries are over at once, deadlines come when they are let.
  const clock = new ManualClock(delay => delay < 9000);
  const { client, calls } = clientOf(t, server.access, { clock });
  const signal = new AbortController().signal;
  const options = {
    client,
    files: hostWith(t, VERSION_2).files,
    runtime,
    hostKernel: '6.12.0',
    clock,
    random: () => 0.5,
    signal,
  };
  const proof = runProof({ ...options, ...changes }, request);
  return { proof, server, clock, calls };
}

const deleted = ({ requests }: ApiServer): number => requests.filter(({ method }) => method === 'DELETE').length;

t.test('a proof creates its Pod, follows it, looks at the host, judges, and removes it', async t => {
  const { proof, server, calls } = await prove(t, {});
  t.match(await proof, { result: 'passed', sentence: /4\.19\.0-gvisor/ });
  t.strictSame(calls.toSorted(), ['create done', 'delete done', 'watch done'], 'three calls');
  const watched = server.requests.find(({ query }) => query.has('watch'));
  t.equal(watched?.query.get('fieldSelector'), 'metadata.name=p');
  t.equal(watched?.query.get('resourceVersion'), '5');
  t.match(server.requests.find(({ method }) => method === 'DELETE')?.body, UID);
});

t.test('what an earlier proof left behind is removed first, and waited for', async t => {
  const list = json({ metadata: { resourceVersion: '3' }, items: [] });
  const { proof, server } = await prove(t, {
    POST: [status(409, 'AlreadyExists'), json(created, { status: 201 })],
    GET: [json(created), list],
  });
  t.match(await proof, { result: 'passed' });
  t.equal(deleted(server), 2);
});

t.test('a Pod that may not be is no failure of gVisor, and nothing is left to remove', async t => {
  const message = 'pods "p" is forbidden: exceeded quota: q';
  const { proof, server } = await prove(t, { POST: [status(403, 'Forbidden', { message })] });
  t.match(await proof, { result: 'inconclusive', cause: 'Quota', sentence: /exceeded quota/ });
  t.equal(deleted(server), 0);
});

function sandboxEvent(count: number): Answer {
  const { content } = kubeletEvent(NETWORK_TRAP, { count });
  const metadata = { name: 'e', namespace: 'n', uid: 'u', resourceVersion: '1' };
  return json({ metadata: { resourceVersion: '9' }, items: [{ ...content, metadata }] });
}

t.test('sandboxes that do not start are told from the events, once the kubelet has tried again', async t => {
  const { proof, server, clock } = await prove(t, { WATCH: [stream([])], EVENTS: [sandboxEvent(1), sandboxEvent(3)] });
  await clock.fire(10_000);
  await clock.fire(10_000);
  t.match(await proof, { result: 'failed', cause: 'SandboxNotStarted', sentence: /waiting for sandbox to start/ });
  const asked = server.requests.find(({ path }) => path.includes('events'));
  t.match(asked, { path: `/apis/events.k8s.io/v1/namespaces/${request.namespace}/events` });
  t.equal(asked?.query.get('fieldSelector'), `regarding.uid=${UID}`);
  t.equal(deleted(server), 1);
});

t.test('the deadline ends a proof, with the blame where it belongs', async t => {
  const late = await prove(t, { WATCH: [stream([])] });
  await late.clock.fire(100_000);
  t.match(await late.proof, { result: 'inconclusive', cause: 'NotStarted' });
  t.equal(deleted(late.server), 1);
  const away = await prove(t, { WATCH: [status(403, 'Forbidden')] });
  while (away.calls.filter(call => call.startsWith('watch')).length < 3) await new Promise(setImmediate);
  await away.clock.fire(100_000);
  t.match(await away.proof, { result: 'inconclusive', cause: 'Admission', sentence: /Cannot watch pods/ });
});

t.test('a Pod that somebody else removes says nothing, unless it had come to its end', async t => {
  const gone = await prove(t, { WATCH: [stream([watchLine('DELETED', created)])] });
  t.match(await gone.proof, { result: 'inconclusive', cause: 'Removed' });
  const done = await prove(t, { WATCH: [stream([watchLine('DELETED', ended)])] });
  t.match(await done.proof, { result: 'passed' });
});

t.test('told to stop, a proof ends at once', async t => {
  const controller = new AbortController();
  const { proof, server } = await prove(t, { WATCH: [stream([])] }, { signal: controller.signal });
  const reason = new Error('stop');
  const rejected = t.rejects(proof, reason);
  while (!server.requests.some(({ query }) => query.has('watch'))) await new Promise(setImmediate);
  controller.abort(reason);
  await rejected;
});

t.test('the image of a proof is that of the agent', async t => {
  const spec = {
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      { name: 'other', image: 'x' },
      { name: 'node', image: 'y', imagePullPolicy: 'Never' },
    ],
  };
  const server = await serveApi(t, [json({ metadata: { name: 'a', uid: 'u', resourceVersion: '1' }, spec })]);
  const { client } = clientOf(t, server.access);
  const own = { namespace: 'gvisor-injector-node', pod: 'a', container: 'node' };
  t.strictSame(await readOwnImage(client, own), { image: 'y', imagePullPolicy: 'Never', imagePullSecrets: ['pull'] });
  t.equal(await readOwnImage(client, { ...own, container: 'no' }), undefined);
});
