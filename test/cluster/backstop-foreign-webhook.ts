import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';
import { isJsonObject, member } from '../../src/policy/json.ts';
import type { PlainObject } from './backstop-objects.ts';

/** A webhook in this process that is not the product's: it allows everything, and patches what it is told to. */
export interface ForeignWebhook extends AsyncDisposable {
  /** Where the API server reaches it, for a path that begins with a slash. */
  readonly clientConfig: (path: string) => { readonly url: string; readonly caBundle: string };
  /** How often it was asked. */
  readonly calls: () => number;
}

/** JSON patches by path; a path without one is answered with an allowance and no patch. */
export type Patches = Readonly<Record<string, readonly object[]>>;

/** Starts it. @param address of this machine, as the API server reaches it */
export async function startForeignWebhook(address: string, patches: Patches): Promise<ForeignWebhook> {
  const { ca, serving } = await makeDevelopmentCertificates({
    now: new Date(),
    days: 2,
    dnsNames: ['foreign-webhook'],
    ipAddresses: [address],
  });
  let calls = 0;
  const server = createServer({ cert: serving.certificate, key: serving.key }, (request, response) => {
    calls += 1;
    void answer(request, response, patches);
  });
  server.listen(0, address);
  await once(server, 'listening');
  const listening = server.address();
  const port = typeof listening === 'object' ? (listening?.port ?? 0) : 0;
  return {
    clientConfig: path => ({ url: `https://${address}:${port}${path}`, caBundle: Buffer.from(ca).toString('base64') }),
    calls: () => calls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, patches: Patches): Promise<void> {
  const chunks: string[] = [];
  for await (const chunk of request.setEncoding('utf8')) chunks.push(String(chunk));
  const review: unknown = JSON.parse(chunks.join(''));
  const asked = isJsonObject(review) ? member(review, 'request') : undefined;
  const patch = patches[new URL(request.url ?? '/', 'https://foreign').pathname];
  const patched =
    patch === undefined ? {} : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  const reply = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: isJsonObject(asked) ? member(asked, 'uid') : undefined, allowed: true, ...patched },
  };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
}

/** Configuration of a webhook that comes after the product's, since its name does, and takes Pods by their name. */
export function laterConfiguration(
  webhook: ForeignWebhook,
  patches: Patches,
  namespaces: readonly string[],
): PlainObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'zz-later' },
    webhooks: Object.keys(patches).map(path => ({
      name: `${path.slice(1)}.later.svc`,
      clientConfig: webhook.clientConfig(path),
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      namespaceSelector: {
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: namespaces }],
      },
      matchConditions: [
        { name: 'pod', expression: `has(object.metadata.name) && object.metadata.name == '${path.slice(1)}'` },
      ],
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    })),
  };
}
