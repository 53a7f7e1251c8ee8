import type { ConfigMap } from '../kube/objects.ts';
import { nodeNamespace } from '../policy/keys.ts';
import type { Manifest, RenderOptions } from './manifest.ts';
import { NODE_LABELS } from './names.ts';
import { daemonSetManifest } from './node-daemon-set.ts';
import {
  nodeNamespaceManifest,
  nodeNetworkPolicyManifest,
  nodeQuotaManifest,
  proofNamespaceManifest,
  proofNetworkPolicyManifest,
  proofRuntimeClassManifest,
} from './node-namespaces.ts';
import { nodePolicyManifests } from './node-policies.ts';
import { nodeRightsManifests } from './node-rights.ts';
import { policyConfigMapManifest } from './policy-config-map.ts';

/**
 * The objects of the node agent, in the order in which they are to be applied: its bounds are there before it is, and it
 * comes last.
 */
export function nodeManifests(options: RenderOptions): readonly Manifest[] {
  const { policy, namespace } = options;
  return [
    nodeNamespaceManifest(namespace),
    proofNamespaceManifest(namespace),
    nodeQuotaManifest(namespace),
    ...policy.profiles.map(proofRuntimeClassManifest),
    configMapManifest(options),
    nodeNetworkPolicyManifest(namespace),
    proofNetworkPolicyManifest(namespace),
    ...nodePolicyManifests(policy, namespace),
    ...nodeRightsManifests(namespace),
    daemonSetManifest(options),
  ];
}

/** The policy once more: a Pod mounts what its own namespace has. */
function configMapManifest({ policyText, policyDigest, namespace }: RenderOptions): Manifest<ConfigMap> {
  const home = nodeNamespace(namespace);
  const { object, ...manifest } = policyConfigMapManifest({ namespace: home, text: policyText, digest: policyDigest });
  return {
    ...manifest,
    file: 'node-config-map.yaml',
    object: { ...object, metadata: { ...object.metadata, labels: NODE_LABELS } },
  };
}
