import fc from 'fast-check';
import t from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import { parseObject, startTestWebhook } from '../support/webhook.ts';
import { ENFORCE, expectStillServing, GOOD, MALFORMED_BODIES } from './malformed-bodies.ts';

t.test('every malformed body gets a sentence that says what was wrong', async t => {
  await using webhook = await startTestWebhook();
  for (const [name, body, status, message] of MALFORMED_BODIES) {
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
