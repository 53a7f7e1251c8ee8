import { backstopManifests } from './backstop.ts';
import { deploymentManifest } from './deployment.ts';
import type { Manifest, RenderOptions } from './manifest.ts';
import { criticalQuotaManifest, namespaceManifest, serviceAccountManifest } from './namespace.ts';
import { networkPolicyManifest, podDisruptionBudgetManifest, serviceManifest } from './network.ts';
import { nodeManifests } from './node-manifests.ts';
import { policyConfigMapManifest } from './policy-config-map.ts';
import { runtimeClassManifest } from './runtime-class.ts';
import { webhookConfigurationManifest } from './webhook-configuration.ts';

/**
 * All objects of webhook and node agent for a policy, in the order in which they are to be applied: the configuration
 * that makes the API server call comes last. Pure: the same policy always gives the same objects.
 */
export function renderManifests(options: RenderOptions): readonly Manifest[] {
  const { policy, policyText, policyDigest, namespace } = options;
  return [
    namespaceManifest(namespace),
    criticalQuotaManifest(namespace),
    serviceAccountManifest(namespace),
    ...policy.profiles.map(runtimeClassManifest),
    policyConfigMapManifest({ namespace, text: policyText, digest: policyDigest }),
    serviceManifest(namespace),
    deploymentManifest(options),
    podDisruptionBudgetManifest(namespace),
    networkPolicyManifest(namespace),
    ...backstopManifests(policy, namespace),
    ...nodeManifests(options),
    webhookConfigurationManifest(options),
  ];
}
