import { connect } from 'node:tls';
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

t.test('more requests or bytes at once than allowed are told to come again', async t => {
  await using webhook = await startTestWebhook({ limits: { requests: 1 } });
  const slow = await openRequest(
    webhook,
    `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  );
  const turnedAway = await eventually(
    () => webhook.post(ENFORCE, GOOD),
    answer => answer.status === 429,
  );
  t.match(
    [turnedAway.headers['retry-after'], parseObject(turnedAway.text)['message']],
    ['1', /^TooManyRequests: 1 requests/],
  );
  slow.socket.destroy();
  t.equal(
    (
      await eventually(
        () => webhook.post(ENFORCE, GOOD),
        answer => answer.status === 200,
      )
    ).status,
    200,
    'room again',
  );

  await using small = await startTestWebhook({ limits: { bufferedBytes: 2000 } });
  const large = await small.post(ENFORCE, GOOD.padEnd(3000));
  t.match([large.status, parseObject(large.text)['message']], [429, /^TooManyRequests: bodies of/]);
  await expectStillServing(t, small, 'bytes are given back');
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

async function openRequest(webhook: TestWebhook, text: string) {
  const socket = connect({
    port: webhook.port,
    host: '127.0.0.1',
    ca: certificates.ca,
    servername: 'gvisor-injector.gvisor-injector.svc',
  });
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
  }
  throw new Error('it never came to that');
}
