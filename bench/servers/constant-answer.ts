import { readFileSync } from 'node:fs';
import { isJsonObject, member } from '../../src/policy/json.ts';

/** Largest body that the baselines take, bytes: the webhook's limit. */
export const BODY_LIMIT = 8 * 1024 * 1024;

/** What the webhook adds to the Pod of every body: the baselines answer just this. */
const PATCH = Buffer.from(
  JSON.stringify([
    { op: 'add', path: '/spec/runtimeClassName', value: 'gvisor' },
    { op: 'add', path: '/spec/nodeSelector', value: { 'gvisor-injector/runsc': 'ready' } },
    {
      op: 'add',
      path: '/spec/tolerations/-',
      value: { key: 'sandbox', operator: 'Equal', value: 'gvisor', effect: 'NoSchedule' },
    },
  ]),
).toString('base64');

/** The parts of an AdmissionReview that a baseline reads. */
export interface ReviewNames {
  readonly uid: unknown;
  readonly namespace: unknown;
  readonly requester: unknown;
}

/** Reads the few names that the answer and the log line need. */
export function reviewNames(review: unknown): ReviewNames {
  const request = objectAt(review, 'request');
  return {
    uid: request['uid'],
    namespace: request['namespace'],
    requester: objectAt(request, 'userInfo')['username'],
  };
}

/** The answer of every baseline: the same patch whatever was asked. */
export function constantAnswer(uid: unknown): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true, patchType: 'JSONPatch', patch: PATCH },
  };
}

/** The serving pair of a baseline: its two arguments are the files. */
export function servingPair(): { readonly cert: Buffer; readonly key: Buffer } {
  const [, , cert = '', key = ''] = process.argv;
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** Tells whoever started a baseline where it listens, in the words of the webhook's own log. */
export function announce(address: unknown): void {
  // Node writes its compile cache only when it exits by itself.
  process.once('SIGTERM', () => process.exit());
  const port = isJsonObject(address) ? address['port'] : undefined;
  process.stdout.write(`${JSON.stringify({ message: 'listening', address: `127.0.0.1:${String(port)}` })}\n`);
}

function objectAt(value: unknown, key: string) {
  const found = isJsonObject(value) ? member(value, key) : undefined;
  return isJsonObject(found) ? found : {};
}
