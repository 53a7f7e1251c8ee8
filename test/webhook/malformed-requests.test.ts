import { connect } from 'node:tls';
import fc from 'fast-check';
import t from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import { certificates, parseObject, startTestWebhook, type TestWebhook } from '../support/webhook.ts';

const ENFORCE = '/mutate/enforce/gvisor';
const GOOD = JSON.stringify(exampleReview(podOf()));

function without(path: 'uid' | 'kind' | 'operation' | 'userInfo' | 'object' | 'namespace'): string {
  return JSON.stringify(exampleReview(podOf(), { request: { [path]: undefined } }));
}

function withRequest(request: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(exampleReview(podOf(), { request }));
}

/** Body, status, and what the sentence says. */
const BODIES: readonly (readonly [string, string | Buffer, number, RegExp])[] = [
  ['empty', '', 400, /^BodyEmpty: the body is empty; send an AdmissionReview/],
  ['white space', ' \n', 400, /^BodyTruncated/],
  ['no JSON', 'apiVersion: admission.k8s.io/v1', 400, /^JsonInvalid: the body is not JSON/],
  ['a comma too many', '{"a":1,}', 400, /^JsonInvalid: .* at position 7$/],
  ['truncated in an object', GOOD.slice(0, 200), 400, /^BodyTruncated: the JSON ends too early, after 200 characters/],
  ['truncated in a string', '{"apiVersion":"admission', 400, /^BodyTruncated/],
  ['two values', `${GOOD}{}`, 400, /^JsonInvalid/],
  ['a byte order mark', `\ufeff${GOOD}`, 400, /^JsonInvalid/],
  ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, /^TextInvalid: the body is not UTF-8/],
  ['UTF-16', Buffer.from(GOOD, 'utf16le'), 400, /^JsonInvalid|^BodyTruncated/],
  [
    'a duplicate key',
    '{"request":{},"request":{}}',
    400,
    /^DuplicateKey: an object has the key "request" twice, at byte 14/,
  ],
  ['a duplicate key in disguise', String.raw`{"a":{"uid":1,"\u0075id":2}}`, 400, /^DuplicateKey: .*"uid" twice/],
  ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}', 400, /^DuplicateKey/],
  ['deep arrays', '['.repeat(100_000), 400, /^NestedTooDeeply: the body nests 100000 levels deep; 200 are accepted/],
  ['deep objects', `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`, 400, /^NestedTooDeeply/],
  ['an array', '[]', 400, /^ReviewInvalid: .*must be an object/],
  ['null', 'null', 400, /^ReviewInvalid/],
  ['a number', '1e999', 400, /^ReviewInvalid/],
  [
    'another kind of document',
    JSON.stringify(podOf()),
    400,
    /^ReviewInvalid: apiVersion must be admission.k8s.io\/v1, found "v1"/,
  ],
  [
    'v1beta1',
    GOOD.replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'),
    400,
    /^ReviewInvalid: apiVersion must be/,
  ],
  [
    'no request',
    '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
    400,
    /^ReviewInvalid: request must be an object, found nothing/,
  ],
  ['no uid', without('uid'), 400, /^ReviewInvalid: request.uid must be a string of 1 to/],
  ['a uid that is no string', withRequest({ uid: 5 }), 400, /^ReviewInvalid: uid must be a string, found 5/],
  ['a long uid', withRequest({ uid: 'u'.repeat(300) }), 400, /^ReviewInvalid: request.uid/],
  ['no kind', without('kind'), 400, /^ReviewInvalid: request.kind must be an object/],
  [
    'a Deployment',
    withRequest({ kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }),
    400,
    /^KindUnsupported: .*found "apps\/v1\/Deployment"/,
  ],
  ['a subresource', withRequest({ subResource: 'ephemeralcontainers' }), 400, /^KindUnsupported: request.subResource/],
  ['an UPDATE', withRequest({ operation: 'UPDATE' }), 400, /^OperationUnsupported: .*found "UPDATE"/],
  ['no operation', without('operation'), 400, /^OperationUnsupported: .*found nothing/],
  ['no namespace', without('namespace'), 400, /^ReviewInvalid: request.namespace is missing/],
  ['no user', without('userInfo'), 400, /^ReviewInvalid: request.userInfo/],
  [
    'groups that are no array',
    withRequest({ userInfo: { username: 'a', groups: 'system:nodes' } }),
    400,
    /^ReviewInvalid: request.userInfo.groups/,
  ],
  ['no object', without('object'), 400, /^ReviewInvalid: request.object must be an object, found nothing/],
  ['dryRun that is no boolean', withRequest({ dryRun: 'yes' }), 400, /^ReviewInvalid: request.dryRun/],
];

async function expectStillServing(t: Tap, webhook: TestWebhook, name: string): Promise<void> {
  const next = await webhook.post(ENFORCE, GOOD);
  t.equal(next.status, 200, `${name}: the next request is served`);
}

type Tap = Pick<typeof t, 'equal' | 'match' | 'ok'>;

t.test('every malformed body gets a sentence that says what was wrong', async t => {
  await using webhook = await startTestWebhook();
  for (const [name, body, status, message] of BODIES) {
    const answer = await webhook.post(ENFORCE, body);
    t.equal(answer.status, status, name);
    t.match(parseObject(answer.text), { kind: 'Status', status: 'Failure', code: status, message }, name);
    t.notMatch(answer.text, /\.ts:|at .*\(/, `${name}: no stack`);
    await expectStillServing(t, webhook, name);
  }
  t.equal(webhook.lines().filter(line => line['level'] === 'error').length, 0, 'none of it is our fault');
});

t.test('wrong content types and methods are named', async t => {
  await using webhook = await startTestWebhook();
  for (const type of [
    'text/plain',
    'application/yaml',
    'application/jsonp',
    'application/x-www-form-urlencoded',
    'nonsense',
  ]) {
    const answer = await webhook.post(ENFORCE, GOOD, { headers: { 'content-type': type } });
    t.strictSame(
      [answer.status, parseObject(answer.text)['message']],
      [415, `ContentTypeUnsupported: the content type must be application/json, found "${type}"`],
    );
  }
  const charset = await webhook.post(ENFORCE, GOOD, { headers: { 'content-type': 'application/json; charset=utf-8' } });
  t.equal(charset.status, 200, 'parameters of the type are accepted');
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await webhook.post(ENFORCE, '', { method });
    t.match([answer.status, answer.headers.allow], [405, 'POST'], method);
  }
  await expectStillServing(t, webhook, 'after all');
});

t.test(
  'an object that is no Pod is denied inside an AdmissionReview, so that it passes under no failurePolicy',
  async t => {
    await using webhook = await startTestWebhook();
    for (const [object, fault] of [
      [{ metadata: {} }, /spec must be an object, found nothing/],
      [{ metadata: [], spec: {} }, /metadata must be an object, found an array/],
      [podOf({ nodeSelector: [] }), /spec.nodeSelector must be an object/],
      [podOf({ tolerations: {} }), /spec.tolerations must be an array/],
      [podOf({ runtimeClassName: 5 }), /spec.runtimeClassName must be a string, found a number/],
      [podOf({ nodeName: true }), /spec.nodeName must be a string/],
      [
        podOf({}, { annotations: { sandbox: true } }),
        /annotations\["sandbox"\] must be a string, found a boolean; quote it/,
      ],
      [podOf({}, { annotations: 'a' }), /metadata.annotations must be an object/],
    ] as const) {
      const answer = await webhook.post(ENFORCE, JSON.stringify(exampleReview(object)));
      t.match(parseObject(answer.text), { response: { allowed: false, status: { code: 400, message: fault } } });
      const audit = await webhook.post('/mutate/audit/gvisor', JSON.stringify(exampleReview(object)));
      t.match(parseObject(audit.text), { response: { allowed: true } });
    }
  },
);

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

t.test('for any bytes the answer is a 4xx with a sentence or an AdmissionReview that echoes the uid', async t => {
  await using webhook = await startTestWebhook();
  const anyJson = fc.json({ maxDepth: 4 });
  const bytes = fc.uint8Array({ maxLength: 400 }).map(array => Buffer.from(array));
  const damaged = fc.tuple(fc.nat(GOOD.length - 1), fc.nat(255)).map(([index, byte]) => {
    const buffer = Buffer.from(GOOD);
    buffer[index] = byte;
    return buffer;
  });
  const strangePod = fc
    .dictionary(
      fc.string(),
      fc.anything({ withNullPrototype: false }).map(value => JSON.parse(JSON.stringify(value) ?? 'null') as unknown),
    )
    .map(object => Buffer.from(JSON.stringify(exampleReview(object))));
  const strangeSpec = fc.jsonValue().map(value =>
    Buffer.from(
      JSON.stringify(
        exampleReview(
          podOf({
            nodeSelector: value,
            tolerations: [value],
            containers: [value],
            securityContext: value,
            hostNetwork: value,
          }),
        ),
      ),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anyJson.map(text => Buffer.from(text)),
        bytes,
        damaged,
        strangePod,
        strangeSpec,
      ),
      async body => {
        const answer = await webhook.post(ENFORCE, body);
        const parsed = parseObject(answer.text);
        if (answer.status === 200) {
          const review = parseObject(body.toString('utf8'));
          const uid = parseObject(JSON.stringify(review['request']))['uid'];
          if (parseObject(JSON.stringify(parsed['response']))['uid'] !== uid) throw new Error('another uid');
        } else if (answer.status < 400 || answer.status > 499 || !/^\w+: .{10}/.test(String(parsed['message']))) {
          throw new Error(`status ${answer.status}: ${answer.text}`);
        }
      },
    ),
    { numRuns: 400 },
  );
  t.equal(webhook.lines().filter(line => line['level'] === 'error').length, 0, 'no internal error');
  await expectStillServing(t, webhook, 'at the end');
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
