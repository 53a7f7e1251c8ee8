import type { ClusterObject } from '../../src/kube/objects.ts';
import { backstopManifests } from '../../src/manifest/backstop.ts';
import { runtimeClassManifest } from '../../src/manifest/runtime-class.ts';
import { webhookConfigurationManifest } from '../../src/manifest/webhook-configuration.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { isJsonObject, type JsonObject } from '../../src/policy/json.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { ApiAnswer } from './api-client.ts';
import type { Api } from './backstop-api.ts';
import { ClusterError } from './cluster-error.ts';

/** Where the API server keeps each kind. */
const COLLECTIONS: Readonly<Record<string, string>> = {
  Namespace: '/api/v1/namespaces',
  Node: '/api/v1/nodes',
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  RuntimeClass: '/apis/node.k8s.io/v1/runtimeclasses',
  MutatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
};

/** An object without a namespace, as the tests make it. */
export interface PlainObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** The path of an object without a namespace. */
export function pathOf({ kind, metadata: { name } }: PlainObject | ClusterObject): string {
  const collection = COLLECTIONS[kind];
  if (collection === undefined) throw new RangeError(`the tests know no path for the kind ${kind}`);
  return `${collection}/${name}`;
}

/** Makes an object be as it is said, whatever is there. @throws {ClusterError} when the API server refuses */
export async function applyObject(api: Api, object: PlainObject | ClusterObject): Promise<void> {
  const answer = await api.call({
    method: 'PATCH',
    path: `${pathOf(object)}?fieldManager=backstop-test&force=true`,
    body: object,
    contentType: 'application/apply-patch+yaml',
  });
  expectDone(answer, `${object.kind} ${object.metadata.name}`);
}

/** Removes an object, if it is there. @throws {ClusterError} when the API server refuses */
export async function removeObject(api: Api, object: PlainObject | ClusterObject): Promise<void> {
  const answer = await api.call({ method: 'DELETE', path: pathOf(object) });
  if (answer.status !== 404) expectDone(answer, `${object.kind} ${object.metadata.name}`);
}

/** An object as somebody would write it, without what the API server adds. @throws {ClusterError} when it is not there */
export async function readObject(api: Api, identity: PlainObject): Promise<PlainObject> {
  const answer = await api.call({ method: 'GET', path: pathOf(identity) });
  expectDone(answer, `${identity.kind} ${identity.metadata.name}`);
  const { status: _status, ...object } = parseObject(answer.body);
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const { labels = {}, annotations = {} } = metadata;
  return { ...object, kind: identity.kind, metadata: { name: identity.metadata.name, labels, annotations } };
}

/** Makes an object that was read and removed. @throws {ClusterError} when the API server refuses */
export async function createAgain(api: Api, object: PlainObject): Promise<void> {
  const path = pathOf(object).slice(0, -object.metadata.name.length - 1);
  expectDone(await api.call({ method: 'POST', path, body: object }), `${object.kind} ${object.metadata.name}`);
}

/** A JSON object; empty for what is none. */
export function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** @throws {ClusterError} when a request of the test's own setup failed */
export function expectDone({ status, body }: ApiAnswer, what: string): void {
  if (status < 200 || status > 299) throw new ClusterError(`${what} was refused with ${status}`, [body.slice(0, 2000)]);
}

/** RuntimeClasses, backstop and webhook configuration of a policy. */
export function admissionObjects(policy: Policy): readonly ClusterObject[] {
  return [
    ...policy.profiles.map(runtimeClassManifest),
    ...backstopManifests(policy, DEFAULT_NAMESPACE),
    webhookConfigurationManifest({ policy, namespace: DEFAULT_NAMESPACE }),
  ].map(({ object }) => object);
}

/** The webhook's configuration, with the webhook on a port of loopback instead of behind its Service. */
export function atLoopback(
  object: ClusterObject,
  { port, ca }: { readonly port: number; readonly ca: string },
): ClusterObject {
  if (object.kind !== 'MutatingWebhookConfiguration') return object;
  const caBundle = Buffer.from(ca).toString('base64');
  const webhooks = (object.webhooks ?? []).map(entry => {
    const path = entry.clientConfig.service?.path ?? '';
    return { ...entry, clientConfig: { url: `https://127.0.0.1:${port}${path}`, caBundle } };
  });
  return { ...object, webhooks };
}

/** A namespace with labels. */
export function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): PlainObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** A RuntimeClass that is no profile's. */
export function foreignClass(name: string): PlainObject {
  return { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, handler: 'runc' };
}
