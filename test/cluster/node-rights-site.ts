import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import type { ClusterObject } from '../../src/kube/objects.ts';
import { renderManifests } from '../../src/manifest/render-manifests.ts';
import type { Api } from './backstop-api.ts';
import { expectDone } from './backstop-objects.ts';

/** Plurals that are more than an s. */
const PLURALS: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  RuntimeClass: 'runtimeclasses',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};

/**
 * Applies the objects of the node agent for the default policy, with the RuntimeClass, on an API server that has nothing of
 * ours. `attackNodeRights()` can follow.
 */
export async function applyNodeObjects(api: Api): Promise<void> {
  const { policy, digest } = parsePolicyDocument(DEFAULT_POLICY_TEXT, {
    file: 'default',
    namespace: DEFAULT_NAMESPACE,
  });
  const manifests = renderManifests({
    policy,
    policyText: DEFAULT_POLICY_TEXT,
    policyDigest: digest,
    namespace: DEFAULT_NAMESPACE,
    image: 'none',
    nodeImage: 'registry.example/gvisor-injector-node:1',
  });
  for (const { object } of manifests) {
    const component = object.metadata.labels?.['app.kubernetes.io/component'];
    if (component !== 'node' && component !== 'proof' && object.kind !== 'RuntimeClass') continue;
    const answer = await api.call({
      method: 'PATCH',
      path: `${pathOf(object)}?fieldManager=rights-test&force=true`,
      body: object,
      contentType: 'application/apply-patch+yaml',
    });
    expectDone(answer, `${object.kind} ${object.metadata.name}`);
  }
}

function pathOf({ apiVersion, kind, metadata }: ClusterObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const namespace =
    'namespace' in metadata && metadata.namespace !== undefined ? `/namespaces/${metadata.namespace}` : '';
  return `${root}${namespace}/${PLURALS[kind] ?? `${kind.toLowerCase()}s`}/${metadata.name}`;
}
