import t from 'tap';
import { sleep, systemClock } from '../../src/kube/clock.ts';
import type { Patch } from '../../src/kube/patch.ts';
import { RESOURCES } from '../../src/kube/resource.ts';
import { podAccess } from '../../src/kube/server-access.ts';
import { json, nodeList, status } from './api-server.ts';
import { failureOf, NODE, node, PODS, trial } from './client-trial.ts';

const POD = { ...PODS, name: 'proof-1' };

t.test('a call names itself, brings its token, and gives back the object', async t => {
  const { client, server, calls } = await trial(t, [json(node)]);
  const found = await client.get(NODE);
  t.match(found, { name: 'node-1', namespace: undefined, uid: 'uid-1', resourceVersion: '7' });
  t.strictSame(found.content, node);
  const [request] = server.requests;
  t.match(request, { method: 'GET', path: '/api/v1/nodes/node-1', body: '' });
  t.match(request?.headers, { authorization: 'Bearer token-1', 'user-agent': 'test/1', accept: 'application/json' });
  t.strictSame(calls, ['get done']);
});

t.test('each verb goes to its path, with its body', async t => {
  const { client, server } = await trial(t, [json(node)]);
  const patches: readonly Patch[] = [
    { kind: 'merge', content: { metadata: { labels: { a: null } } } },
    { kind: 'strategic', content: { status: { conditions: [] } } },
    { kind: 'json', operations: [{ op: 'test', path: '/spec/taints/0', value: { key: 'k' } }] },
  ];
  await client.create(PODS, { kind: 'Pod' });
  for (const patch of patches) await client.patch({ ...NODE, subresource: 'status' }, patch);
  await client.remove(POD, { uid: 'uid-1', graceSeconds: 1 });
  await client.create({ resource: RESOURCES.events, namespace: 'default' }, { kind: 'Event' });
  await client.get({ ...POD, name: 'a/../b' });
  const requests = server.requests.map(({ method, path, headers, body }) => [
    method,
    path,
    headers['content-type'],
    body,
  ]);
  t.strictSame(requests, [
    ['POST', '/api/v1/namespaces/proofs/pods', 'application/json', '{"kind":"Pod"}'],
    ['PATCH', '/api/v1/nodes/node-1/status', 'application/merge-patch+json', '{"metadata":{"labels":{"a":null}}}'],
    ['PATCH', '/api/v1/nodes/node-1/status', 'application/strategic-merge-patch+json', '{"status":{"conditions":[]}}'],
    [
      'PATCH',
      '/api/v1/nodes/node-1/status',
      'application/json-patch+json',
      '[{"op":"test","path":"/spec/taints/0","value":{"key":"k"}}]',
    ],
    [
      'DELETE',
      '/api/v1/namespaces/proofs/pods/proof-1',
      'application/json',
      '{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"uid-1"},"gracePeriodSeconds":1}',
    ],
    ['POST', '/apis/events.k8s.io/v1/namespaces/default/events', 'application/json', '{"kind":"Event"}'],
    ['GET', '/api/v1/namespaces/proofs/pods/a%2F..%2Fb', undefined, ''],
  ]);
});

t.test('a list has its version, and its selectors in the query', async t => {
  const { client, server } = await trial(t, [
    json(nodeList('9', [node])),
    json({ ...nodeList('10', []), items: null }),
  ]);
  const list = await client.list(
    { resource: RESOURCES.nodes },
    { fieldSelector: 'metadata.name=node-1', labelSelector: 'a=b' },
  );
  t.match(list, { resourceVersion: '9', items: [{ name: 'node-1' }] });
  t.equal(server.requests[0]?.query.toString(), 'fieldSelector=metadata.name%3Dnode-1&labelSelector=a%3Db');
  t.strictSame(await client.list({ resource: RESOURCES.nodes }), { resourceVersion: '10', items: [] });
});

t.test('many calls share their connections', async t => {
  const { client, server } = await trial(t, [json(node)]);
  for (let call = 0; call < 200; call += 1) await client.get(NODE);
  t.equal(server.connections(), 1, '200 calls, one after the other');
  await Promise.all(Array.from({ length: 50 }, async () => await client.get(NODE)));
  t.ok(server.connections() <= 9, `50 at once: ${server.connections()}`);
});

t.test('a token or an authority that was renewed counts at the next call', async t => {
  const { client, server } = await trial(t, [json(node)]);
  await client.get(NODE);
  server.setCredentials({ token: 'token-2' });
  await client.get(NODE);
  t.equal(server.requests[1]?.headers.authorization, 'Bearer token-2');
  t.equal(server.connections(), 1);
  const { authority } = await server.access.credentials();
  server.setCredentials({ authority: 'nonsense' });
  const error = await failureOf(client.get(NODE));
  t.equal(error.failure, 'Unreachable');
  server.setCredentials({ authority });
  await client.get(NODE);
  t.equal(server.connections(), 2, 'an authority is trusted for its own connections only');
});

t.test('what is gone already, or is another one by now, counts as removed', async t => {
  for (const answer of [
    status(404, 'NotFound'),
    status(409, 'Conflict'),
    json({ kind: 'Status', status: 'Success' }),
  ]) {
    const { client } = await trial(t, [answer]);
    await client.remove(POD, { uid: 'uid-1' });
  }
  const { client } = await trial(t, [status(403, 'Forbidden')]);
  t.equal((await failureOf(client.remove(POD, { uid: 'uid-1' }))).failure, 'Forbidden');
});

t.test('a Pod finds the API server by its environment and its service account', async t => {
  const files: Readonly<Record<string, string>> = {
    '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt': 'authority',
    '/var/run/secrets/kubernetes.io/serviceaccount/token': 'token\n',
  };
  const read = async (path: string): Promise<string> => files[path] ?? '';
  const access = podAccess({
    environment: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' },
    read,
  });
  t.equal(access.server.href, 'https://[fd00::1]:6443/');
  t.strictSame(await access.credentials(), { authority: 'authority', token: 'token' });
  t.throws(() => podAccess({ environment: {}, read }), { code: 'BadUsage', message: /KUBERNETES_SERVICE_HOST/ });
});

t.test('the system clock calls back once, and not after it was told otherwise', async t => {
  const before = systemClock.now();
  await sleep(systemClock, 1, new AbortController().signal);
  t.ok(systemClock.now() > before);
  systemClock.schedule(0, () => t.fail('was cancelled'))();
  await sleep(systemClock, 1, new AbortController().signal);
});
