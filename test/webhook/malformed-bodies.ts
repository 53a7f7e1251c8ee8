import type { Test } from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import type { TestWebhook } from '../support/webhook.ts';

/** The path that the requests of these tests go to. */
export const ENFORCE = '/mutate/enforce/gvisor';

/** A request that is decided. */
export const GOOD = JSON.stringify(exampleReview(podOf()));

/** Body, status, and what the sentence says. */
export const MALFORMED_BODIES: readonly (readonly [string, string | Buffer, number, RegExp])[] = [
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
  [
    'a uid that is no string',
    withRequest({ uid: 5 }),
    400,
    /^ReviewInvalid: request.uid must be a string, found a number/,
  ],
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

/** Sends a good request and expects it to be decided. */
export async function expectStillServing(t: Test, webhook: TestWebhook, name: string): Promise<void> {
  const next = await webhook.post(ENFORCE, GOOD);
  t.equal(next.status, 200, `${name}: the next request is served`);
}

function without(path: 'uid' | 'kind' | 'operation' | 'userInfo' | 'object' | 'namespace'): string {
  return JSON.stringify(exampleReview(podOf(), { request: { [path]: undefined } }));
}

function withRequest(request: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(exampleReview(podOf(), { request }));
}
