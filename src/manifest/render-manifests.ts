import { UserError } from '../errors/user-error.ts';
import type { Policy } from '../policy/policy.ts';
import { deploymentManifest } from './deployment.ts';
import type { Manifest, RenderOptions } from './manifest.ts';
import { criticalQuotaManifest, namespaceManifest, serviceAccountManifest } from './namespace.ts';
import { networkPolicyManifest, podDisruptionBudgetManifest, serviceManifest } from './network.ts';
import { policyConfigMapManifest } from './policy-config-map.ts';
import { runtimeClassManifest } from './runtime-class.ts';
import { webhookConfigurationManifest } from './webhook-configuration.ts';

/**
 * All objects of the webhook for a policy, in the order in which they are to be applied: the configuration that makes
 * the API server call comes last. Pure: the same policy always gives the same objects.
 *
 * @throws {UserError} RenderRefused when the policy asks for what would leave Pods without a sandbox
 */
export function renderManifests(options: RenderOptions): readonly Manifest[] {
  const { policy, policyText, policyDigest, namespace } = options;
  refuseUnguarded(policy);
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
    webhookConfigurationManifest(options),
  ];
}

/** With `Ignore` the API server lets Pods pass while the webhook is down, so something else must deny them then. */
function refuseUnguarded({ admission }: Policy): void {
  if (admission.failurePolicy === 'Fail') return;
  throw new UserError(
    'RenderRefused',
    `Cannot render admission.failurePolicy ${admission.failurePolicy}: while the webhook is down, Pods would be created ` +
      'without a sandbox, and there is no backstop yet that would deny them',
    { hint: 'Leave admission.failurePolicy out of the policy, or set it to Fail' },
  );
}
