import fc from 'fast-check';
import t from 'tap';
import { KUBE_FAILURES, KubeError, type KubeFailure } from '../../src/kube/kube-error.ts';
import { MAXIMUM_TRIES, retryDelay } from '../../src/kube/retry.ts';
import { type Answer, json, serveApi, status } from './api-server.ts';
import { clientOf, DEADLINE, failureOf, NODE, node, PODS, trial } from './client-trial.ts';
import { ManualClock } from './manual-clock.ts';

const silent: Answer = () => undefined;
const begun: Answer = response => void response.write('{"kind"');
const cutOff: Answer = response => response.socket?.destroy();
const half: Answer = response => {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('{', () => response.socket?.destroy());
};
const endless: Answer = response => {
  const more = (): void => void response.write(Buffer.alloc(1024 * 1024, 'x'), error => error || setImmediate(more));
  more();
};

t.test('each refusal has its kind, and names verb, object and reason', async t => {
  const cases: readonly (readonly [Answer, KubeFailure])[] = [
    [status(404, 'NotFound'), 'NotFound'],
    [status(409, 'AlreadyExists'), 'AlreadyExists'],
    [status(409, 'Conflict'), 'Conflict'],
    [status(403, 'Forbidden'), 'Forbidden'],
    [status(410, 'Expired'), 'Gone'],
    [status(422, 'Invalid'), 'Invalid'],
    [status(418, 'Teapot'), 'Rejected'],
    [json(node, { status: 302, headers: { location: 'https://127.0.0.1:1/' } }), 'Rejected'],
    [response => void response.end('<html>'), 'Unreadable'],
    [json({ kind: 'Node' }), 'Unreadable'],
    [json([]), 'Unreadable'],
  ];
  for (const [answer, failure] of cases) {
    const { client, server, calls } = await trial(t, [answer]);
    const error = await failureOf(client.patch({ ...NODE, subresource: 'status' }, { kind: 'merge', content: {} }));
    t.equal(error.failure, failure);
    t.match(error.message, /^Cannot patch nodes\/status "node-1": /);
    t.equal(server.requests.length, 1, `${failure} is not tried again`);
    t.equal(calls.length, 1);
  }
  const message = 'nodes "x" is forbidden: \u001b[31mno\n';
  const { client } = await trial(t, [status(403, 'Forbidden', { message })]);
  const error = await failureOf(client.create(PODS, {}));
  t.match(error, { status: 403, reason: 'Forbidden', sentence: 'nodes "x" is forbidden: \\u{1b}[31mno\\u{a}' });
  t.equal(error.message, `Cannot create pods in namespace "proofs": ${error.sentence}`);
  t.same(new Set(KUBE_FAILURES).size, KUBE_FAILURES.length);
});

t.test('what may pass is tried again, after what the server asked for', async t => {
  const busy = status(429, 'TooManyRequests', { headers: { 'retry-after': '3' } });
  const { client, server, clock, calls } = await trial(t, [
    busy,
    status(503, 'ServiceUnavailable'),
    status(401, 'Unauthorized'),
    json(node),
  ]);
  t.equal((await client.get(NODE)).name, 'node-1');
  t.equal(server.requests.length, 4);
  t.strictSame(clock.fired, [3375, 750, 1500]);
  t.strictSame(calls, ['get TooManyRequests', 'get ServerFailed', 'get Unauthorized', 'get done']);

  const down = await trial(t, [status(500, 'InternalError')]);
  t.equal((await failureOf(down.client.get(NODE))).failure, 'ServerFailed');
  t.equal(down.server.requests.length, MAXIMUM_TRIES);
  const away = await trial(t, [status(503, 'ServiceUnavailable', { headers: { 'retry-after': '3600' } })]);
  t.equal((await failureOf(away.client.get(NODE))).retryAfterSeconds, 3600);
  t.equal(away.server.requests.length, 1, 'an hour is not waited for');
});

t.test('what may have been done is not done again, unless it does no harm', async t => {
  for (const answer of [cutOff, half, status(500, 'InternalError')]) {
    const creation = await trial(t, [answer, json(node)]);
    t.ok(['Unreachable', 'ServerFailed'].includes((await failureOf(creation.client.create(PODS, {}))).failure));
    t.equal(creation.server.requests.length, 1);
    const reading = await trial(t, [answer, json(node)]);
    t.equal((await reading.client.get(NODE)).name, 'node-1');
  }
  const turnedAway = await trial(t, [status(429, 'TooManyRequests'), json(node)]);
  await turnedAway.client.create(PODS, {});
  t.equal(turnedAway.server.requests.length, 2);
});

t.test('a server that is not there is asked again even to create, since nothing was sent', async t => {
  const server = await serveApi(t, [json(node)]);
  const nobody = { ...server.access, server: new URL('https://127.0.0.1:1') };
  const { client, calls } = clientOf(t, nobody);
  const error = await failureOf(client.create(PODS, {}));
  t.match(error, { failure: 'Unreachable', untouched: true });
  t.match(error.message, 'ECONNREFUSED');
  t.equal(calls.length, MAXIMUM_TRIES);
  const unreadable = clientOf(t, {
    ...server.access,
    credentials: async () => await Promise.reject(new Error('no such file')),
  });
  t.match((await failureOf(unreadable.client.get(NODE))).sentence, 'credentials cannot be read: no such file');
});

t.test('a server that stalls is given up at the deadline', async t => {
  for (const answer of [silent, begun]) {
    const { client, clock, server } = await trial(t, [answer]);
    const failure = failureOf(client.create(PODS, {}));
    while (server.requests.length === 0) await new Promise(resolve => setImmediate(resolve));
    await clock.fire(DEADLINE);
    t.match(await failure, { failure: 'Unreachable', sentence: 'there was no answer within 15 s' });
    t.strictSame(clock.pending(), [], 'no timer is left');
  }
});

t.test('an answer without an end is not read to the end', async t => {
  const { client } = await trial(t, [endless]);
  t.match(await failureOf(client.create(PODS, {})), { failure: 'Unreadable', sentence: /longer than/ });
});

t.test('the signal ends a call, and the wait between two tries', async t => {
  const reason = new Error('stop');
  const stalled = await serveApi(t, [() => undefined]);
  const controller = new AbortController();
  const { client } = clientOf(t, stalled.access, { signal: controller.signal });
  const rejected = t.rejects(client.get(NODE), reason);
  while (stalled.requests.length === 0) await new Promise(resolve => setImmediate(resolve));
  controller.abort(reason);
  await rejected;
  await t.rejects(client.get(NODE), reason, 'nor is another begun');

  const busy = await serveApi(t, [status(429, 'TooManyRequests')]);
  const waiting = new AbortController();
  const clock = new ManualClock();
  const patient = clientOf(t, busy.access, { signal: waiting.signal, clock });
  const ended = t.rejects(patient.client.get(NODE), reason);
  while (!clock.pending().some(delay => delay < DEADLINE)) await new Promise(resolve => setImmediate(resolve));
  waiting.abort(reason);
  await ended;
  t.strictSame(clock.pending(), []);
});

t.test('the delay between tries has bounds, and nothing is tried for ever', t => {
  const error = fc.record({
    failure: fc.constantFrom(...KUBE_FAILURES),
    untouched: fc.boolean(),
    seconds: fc.option(fc.nat(100), { nil: undefined }),
  });
  const property = fc.property(
    error,
    fc.integer({ min: 1, max: 10 }),
    fc.boolean(),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (facts, tries, idempotent, random) => {
      const { failure, untouched, seconds } = facts;
      const failed = new KubeError(
        { verb: 'get', target: 'x' },
        { failure, sentence: 's', untouched, retryAfterSeconds: seconds },
      );
      const delay = retryDelay({ error: failed, tries, idempotent, random });
      if (delay === undefined) return true;
      return (
        tries < MAXIMUM_TRIES &&
        delay >= (seconds ?? 0) * 1000 + 250 &&
        delay <= 68_000 &&
        (idempotent || untouched || failure === 'TooManyRequests' || failure === 'Unauthorized')
      );
    },
  );
  fc.assert(property);
  t.end();
});
