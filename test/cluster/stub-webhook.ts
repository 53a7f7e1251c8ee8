import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { certificateFile, issueServerCertificate } from './cluster-certificates.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { HOST_ADDRESS } from './layout.ts';

const NAME = 'stub-webhook';
/** How long the API server waits for the stub, all of its tries together. */
export const STUB_TIMEOUT_SECONDS = 5;

/** What a stub answers: an HTTP answer that is no review, or a review that allows the object. */
export type StubAnswer =
  | { readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly patch?: readonly object[] };

/** One entry of the stub's configuration. It is asked about the Pod of this name alone. */
export interface StubEntry {
  readonly pod: string;
  readonly failurePolicy: 'Fail' | 'Ignore';
  /** @param call 1 for the first request about this Pod */
  readonly answer: (call: number) => StubAnswer;
}

/** A webhook in this process that answers what the product never answers. */
export interface StubWebhook extends AsyncDisposable {
  /** How often the API server has asked about a Pod. */
  readonly callsOf: (pod: string) => number;
}

/**
 * Starts a webhook with a Service and a configuration of its own, on the machine's end of the cluster's network. It is
 * asked about Pods of one namespace only. Disposing of it removes all of that but the namespace.
 */
export async function startStubWebhook(
  { kubectl }: ClusterUnderTest,
  namespace: string,
  entries: readonly StubEntry[],
): Promise<StubWebhook> {
  await issueServerCertificate(NAME, [`${NAME}.${namespace}.svc`]);
  const calls = new Map<string, number>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const pod = new URL(request.url ?? '/', 'https://stub').pathname.slice(1);
    const call = (calls.get(pod) ?? 0) + 1;
    calls.set(pod, call);
    const answer = entries.find(entry => entry.pod === pod)?.answer(call) ?? { status: 404 };
    void readBody(request).then(body => send(response, answer, body));
  };
  const [cert, key] = [await readFile(certificateFile(NAME, 'crt')), await readFile(certificateFile(NAME, 'key'))];
  const server = createServer({ cert, key }, listener);
  server.listen(0, HOST_ADDRESS);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const objects = [...serviceObjects(namespace, port), await configuration(namespace, entries)];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectl.run(['create', '--filename', '-'], { input: list });
  return {
    callsOf: pod => calls.get(pod) ?? 0,
    [Symbol.asyncDispose]: async () => {
      await kubectl.run(['delete', '--filename', '-'], { input: list });
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: string[] = [];
  for await (const chunk of request.setEncoding('utf8')) chunks.push(String(chunk));
  return chunks.join('');
}

function send(response: ServerResponse, answer: StubAnswer, body: string): void {
  if ('status' in answer) {
    const { status, retryAfterSeconds } = answer;
    const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
    response.writeHead(status, { connection: 'close', ...retryAfter }).end();
    return;
  }
  const review: unknown = JSON.parse(body);
  const request = isJsonObject(review) ? member(review, 'request') : undefined;
  const uid = isJsonObject(request) ? member(request, 'uid') : undefined;
  const { patch } = answer;
  const encoded = patch === undefined ? {} : { patchType: 'JSONPatch', patch: encode(patch) };
  const reply = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true, ...encoded },
  };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
}

function encode(patch: readonly object[]): string {
  return Buffer.from(JSON.stringify(patch)).toString('base64');
}

/** A Service without a selector, and the one endpoint behind it. */
function serviceObjects(namespace: string, port: number): readonly object[] {
  const metadata = { name: NAME, namespace };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'https', port: 443, targetPort: port }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': NAME } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port }],
      endpoints: [{ addresses: [HOST_ADDRESS] }],
    },
  ];
}

async function configuration(namespace: string, entries: readonly StubEntry[]): Promise<object> {
  const authority = await readFile(certificateFile('ca', 'crt'));
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: NAME },
    webhooks: entries.map(({ pod, failurePolicy }) => ({
      name: `${pod}.${NAME}.svc`,
      clientConfig: {
        service: { namespace, name: NAME, path: `/${pod}` },
        caBundle: authority.toString('base64'),
      },
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      matchConditions: [{ name: 'pod', expression: `object.metadata.name == '${pod}'` }],
      failurePolicy,
      timeoutSeconds: STUB_TIMEOUT_SECONDS,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    })),
  };
}
