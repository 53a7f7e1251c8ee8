import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { certificates, parseObject, startTestWebhook, type TestWebhook } from '../support/webhook.ts';
import { ENFORCE, expectStillServing, GOOD } from './malformed-bodies.ts';

t.test('a body over the limit gets 413 and is not held', async t => {
  await using webhook = await startTestWebhook({ limits: { bodyBytes: 10_000 } });
  const answer = await webhook.post(ENFORCE, 'x'.repeat(3_000_000));
  t.match(
    [answer.status, parseObject(answer.text)['message']],
    [413, /^BodyTooLarge: the body is larger than 10000 bytes/],
  );
  await expectStillServing(t, webhook, 'after it');
});

t.test('bodies that together are too large are told to come again, and their bytes are given back', async t => {
  await using webhook = await startTestWebhook({ limits: { bufferedBytes: 2000, bufferedBytesPerAddress: 2000 } });
  const large = await webhook.post(ENFORCE, GOOD.padEnd(3000));
  t.match(
    [large.status, large.headers['retry-after'], parseObject(large.text)['message']],
    [429, '1', /^TooManyRequests: bodies of/],
  );
  await expectStillServing(t, webhook, 'after it');
});

t.test('one address cannot use up the bytes that all share', async t => {
  await using webhook = await startTestWebhook({ limits: { bufferedBytes: 40_000, bufferedBytesPerAddress: 20_000 } });
  const head = `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 19000\r\n\r\n`;
  const greedy = await openRequest(webhook, head + ' '.repeat(18_000), '127.0.0.2');
  await eventually(
    async () => await metricsOf(webhook),
    text => text.includes('requests_in_flight 1'),
  );
  const second = await openRequest(webhook, `${head}${' '.repeat(19_000)}`, '127.0.0.2');
  const answer = await firstAnswer(second.socket);
  t.match(answer, /^HTTP\/1\.1 429 /, 'its next body is turned away');
  await expectStillServing(t, webhook, 'others are served');
  greedy.socket.destroy();
  second.socket.destroy();
});

t.test('slow bodies hold nobody up: a request counts by its bytes, not by being open', async t => {
  await using webhook = await startTestWebhook();
  const head = `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n{`;
  const slow = await Promise.all(Array.from({ length: 300 }, async () => await openRequest(webhook, head)));
  await eventually(
    async () => await metricsOf(webhook),
    text => text.includes('requests_in_flight 300'),
  );
  await expectStillServing(t, webhook, 'beside 300 slow ones');
  for (const { socket } of slow) socket.destroy();
});

t.test('one address has its share of the connections, and others still get in', async t => {
  await using webhook = await startTestWebhook({ limits: { connectionsPerAddress: 5 } });
  const sockets = await Promise.all(
    Array.from({ length: 8 }, async () => await openSilently(webhook.port, '127.0.0.2')),
  );
  for (const socket of sockets) socket.resume();
  const isOpen = () => sockets.filter(socket => !socket.closed).length;
  await eventually(
    async () => isOpen(),
    count => count === 5,
  );
  await expectStillServing(t, webhook, 'from another address');
  for (const socket of sockets) socket.destroy();
  await eventually(
    async () => (await openSilently(webhook.port, '127.0.0.2')).destroy(),
    () => true,
  );
});

t.test('a client that never finishes its TLS handshake is cut off', async t => {
  await using webhook = await startTestWebhook({ limits: { headersMilliseconds: 150 } });
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => await openSilently(webhook.port, '127.0.0.1')),
  );
  await Promise.all(sockets.map(async socket => await closed(socket)));
  t.pass('all were closed by the webhook');
  const plain = await openSilently(webhook.port, '127.0.0.1');
  plain.write('GET / HTTP/1.0\r\n\r\n');
  await closed(plain);
  t.pass('so is one that does not speak TLS');
  await expectStillServing(t, webhook, 'after them');
});

t.test('a stop is not held up by connections that have not finished their handshake', async t => {
  await using webhook = await startTestWebhook({ limits: { headersMilliseconds: 60_000 } });
  const socket = await openSilently(webhook.port, '127.0.0.1');
  // The webhook's own deadline for what is under way is five seconds; nothing shorter proves that it ends by itself.
  await webhook.webhook.stop(0);
  await closed(socket);
  t.match(webhook.lines().at(-1), { message: 'stopped' });
});

t.test('a body in hundreds of thousands of tiny chunks costs what its bytes cost', async t => {
  await using webhook = await startTestWebhook();
  const head = `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const padding = ' '.repeat(300_000 - GOOD.length);
  const chunks = `${padding}${GOOD}`
    .split('')
    .map(character => `1\r\n${character}\r\n`)
    .join('');
  const before = process.memoryUsage().heapUsed;
  const { socket } = await openRequest(webhook, `${head}${chunks}0\r\n\r\n`);
  t.match(await firstAnswer(socket), /^HTTP\/1\.1 200 /);
  t.ok(process.memoryUsage().heapUsed - before < 64 * 1024 * 1024, 'no buffer of its own for each chunk');
  socket.destroy();
});

t.test('requests that Node would answer without a sentence get an answer of ours', async t => {
  await using webhook = await startTestWebhook();
  const length = `Content-Type: application/json\r\nContent-Length: ${GOOD.length}\r\nConnection: close\r\n\r\n${GOOD}`;
  for (const [name, text, answer] of [
    ['no Host', `POST ${ENFORCE} HTTP/1.1\r\n${length}`, /^HTTP\/1\.1 200 [\s\S]*AdmissionReview/],
    ['an unknown expectation', `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n${length}`, /^HTTP\/1\.1 200 /],
    [
      '100-continue',
      `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${length}`,
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /,
    ],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 405 [\s\S]*MethodNotAllowed/],
  ] as const) {
    const { received } = await openRequest(webhook, text);
    t.match(await received, answer, name);
  }
  await expectStillServing(t, webhook, 'after them');
});

t.test('refusals are logged by code and field, twenty a second, and never with a value of the request', async t => {
  await using webhook = await startTestWebhook();
  const canary = 'canary-AWS_SECRET';
  const bodies = [
    GOOD.replace('"object":{', `"object":"${canary}","ignored":{`),
    GOOD.replace('"operation":"CREATE"', `"operation":"${canary}"`),
    GOOD.replace('"image":"nginx"', `"${canary}":1,"${canary}":2`),
    GOOD.replace('"namespace":"team-a",', `"annotations":{"${canary}":1},`),
    GOOD.replace('"username":', `"username":["${canary}"],"other":`),
    `{"apiVersion":"${canary}"}`,
  ];
  for (const body of bodies) t.not((await webhook.post(ENFORCE, body)).status, 500);
  const refused = () => webhook.lines().filter(line => line['message'] === 'admission request refused');
  t.ok(refused().length >= bodies.length - 1, 'they are logged');
  t.match(refused()[0], { code: 'ReviewInvalid', field: 'request.object', path: ENFORCE, method: 'POST', status: 400 });
  t.notMatch(webhook.rawLines.join(''), canary);
  for (let count = 0; count < 100; count++) await webhook.post('/nowhere', '');
  const bySecond = Map.groupBy(refused(), line => String(line['time']).slice(0, 19));
  for (const [second, lines] of bySecond) t.ok(lines.length <= 20, `${lines.length} lines in ${second}`);
});

t.test('a slow client is cut off with a sentence, headers or body', async t => {
  await using webhook = await startTestWebhook({
    limits: { headersMilliseconds: 150, requestMilliseconds: 300, checkMilliseconds: 30 },
  });
  for (const start of [
    `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-`,
    `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"a":`,
  ]) {
    const { received } = await openRequest(webhook, start);
    t.match(await received, /^HTTP\/1\.1 408 [\s\S]*RequestTimeout: the request took too long to arrive/);
  }
  await expectStillServing(t, webhook, 'after them');
});

t.test('what is no HTTP, or ends too early, is answered or dropped, and the next request is served', async t => {
  await using webhook = await startTestWebhook();
  for (const [text, answer] of [
    ['\u0016\u0003\u0001 nonsense\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*HttpInvalid/],
    ['SSH-2.0-OpenSSH_9.2\r\n', /^HTTP\/1\.1 400 [\s\S]*HttpInvalid/],
    [
      `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 [\s\S]*HeadersTooLarge/,
    ],
    [`POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, /^HTTP\/1\.1 400 /],
    [
      `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      /^HTTP\/1\.1 400 |^$/,
    ],
  ] as const) {
    const { received } = await openRequest(webhook, text);
    t.match(await received, answer, JSON.stringify(text.slice(0, 30)));
    await expectStillServing(t, webhook, 'after it');
  }
  const { socket, received } = await openRequest(
    webhook,
    `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"a":`,
  );
  socket.end();
  t.match(await received, /^HTTP\/1\.1 400 [\s\S]*BodyTruncated|^$/, 'half a body');
  await expectStillServing(t, webhook, 'after half a body');
});

async function openRequest(webhook: TestWebhook, text: string, localAddress = '127.0.0.1') {
  const tcp = await openSilently(webhook.port, localAddress);
  const socket = connectTls({ socket: tcp, ca: certificates.ca, servername: 'gvisor-injector.gvisor-injector.svc' });
  const { promise: received, resolve } = Promise.withResolvers<string>();
  const connected = Promise.withResolvers<undefined>();
  let data = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (data += chunk));
  socket.on('error', () => resolve(data));
  socket.on('close', () => resolve(data));
  socket.on('secureConnect', () => {
    socket.write(text, 'latin1');
    connected.resolve(undefined);
  });
  await connected.promise;
  return { socket, received };
}

async function eventually<Value>(attempt: () => Promise<Value>, isRight: (value: Value) => boolean): Promise<Value> {
  for (let tries = 0; tries < 200; tries++) {
    const value = await attempt();
    if (isRight(value)) return value;
    await delay(5);
  }
  throw new Error('it never came to that');
}

/** A TCP connection that says nothing. */
async function openSilently(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

async function firstAnswer(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once('data', (data: Buffer | string) => resolve(String(data)));
  return await promise;
}

async function metricsOf(webhook: TestWebhook): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${webhook.metricsPort}/metrics`)).text();
}
