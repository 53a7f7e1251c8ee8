import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import type { ClusterObject, Deployment } from '../../src/kube/objects.ts';
import type { Manifest } from '../../src/manifest/manifest.ts';
import { DEFAULT_IMAGE, DEFAULT_NODE_IMAGE } from '../../src/manifest/names.ts';
import { renderManifests } from '../../src/manifest/render-manifests.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';

/** The first lines of every policy. */
export const POLICY_HEAD = 'apiVersion: gvisor-injector/v1alpha1\nkind: SandboxPolicy\n';
/** One profile with an overhead, one without it and without any scheduling. */
export const TWO_PROFILES = `${POLICY_HEAD}exemptNamespaces: [monitoring]
profiles:
  - name: gvisor
    overhead: { memory: 64Mi, cpu: 250m }
  - name: strict
    runtimeClassName: gvisor-strict
    handler: runsc-strict
    nodeSelector: {}
    tolerations: []
    overhead: {}
`;

/** The rendering of a policy's text. */
export function renderText(text: string, namespace = DEFAULT_NAMESPACE): readonly Manifest[] {
  const { policy, digest } = parsePolicyDocument(text, { file: 'policy.yaml', namespace });
  return renderManifests({
    policy,
    policyText: text,
    policyDigest: digest,
    namespace,
    image: DEFAULT_IMAGE,
    nodeImage: DEFAULT_NODE_IMAGE,
  });
}

/** The part of it that is the webhook's and the backstop's: what is no component of its own, or that of the webhook. */
export function renderWebhook(text: string, namespace = DEFAULT_NAMESPACE): readonly Manifest[] {
  return renderText(text, namespace).filter(({ object }) => !['node', 'proof'].includes(componentOf(object)));
}

/** The part of it that is the node agent's, with what its proofs need. */
export function renderNode(text: string, namespace = DEFAULT_NAMESPACE): readonly Manifest[] {
  return renderText(text, namespace).filter(({ object }) => ['node', 'proof'].includes(componentOf(object)));
}

function componentOf({ metadata }: ClusterObject): string {
  return metadata.labels?.['app.kubernetes.io/component'] ?? '';
}

/** The objects of a kind. */
export function objectsOf<Kind extends ClusterObject['kind']>(
  manifests: readonly Manifest[],
  kind: Kind,
): readonly Extract<ClusterObject, { kind: Kind }>[] {
  const isOfKind = (object: ClusterObject): object is Extract<ClusterObject, { kind: Kind }> => object.kind === kind;
  return manifests.map(({ object }) => object).filter(isOfKind);
}

/** The one object of a kind. */
export function only<Kind extends ClusterObject['kind']>(manifests: readonly Manifest[], kind: Kind) {
  const [object, ...others] = objectsOf(manifests, kind);
  if (object === undefined || others.length > 0) throw new RangeError(`there must be one ${kind}`);
  return object;
}

/** The Pod spec of a Deployment, and its first container. */
export function podOf({ spec }: Deployment) {
  const pod = spec?.template.spec;
  const container = pod?.containers[0];
  if (pod === undefined || container === undefined) throw new RangeError('there must be a container');
  return { pod, container };
}
