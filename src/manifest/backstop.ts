import type { Policy } from '../policy/policy.ts';
import {
  namespaceAdvicePolicy,
  namespaceLabelsPolicy,
  podAdvicePolicy,
  protectedLabelsPolicy,
} from './backstop-namespaces.ts';
import { type BackstopPolicy, bindingManifest, policyManifest } from './backstop-policy.ts';
import { bindingFlagsPolicy, runtimeFlagsPolicy } from './backstop-runtime-flags.ts';
import { annotatedPolicy, labelledPolicy } from './backstop-sandboxes.ts';
import type { Manifest } from './manifest.ts';

/**
 * The backstop: ValidatingAdmissionPolicies, which the API server evaluates itself, on the Pod as all others left it.
 * So a Pod that should be sandboxed and is not is refused while the webhook is down, deleted, bypassed or wrong. All
 * that they need of the policy file is written into their expressions: another policy is another rendering.
 */
export function backstopManifests(policy: Policy, namespace: string): readonly Manifest[] {
  return [
    ...bound(labelledPolicy(policy, namespace)),
    ...bound(annotatedPolicy(policy, namespace)),
    ...bound(runtimeFlagsPolicy(policy)),
    ...bound(bindingFlagsPolicy()),
    ...bound(namespaceLabelsPolicy(policy)),
    ...bound(namespaceAdvicePolicy(policy)),
    ...bound(podAdvicePolicy(policy)),
    policyManifest(protectedLabelsPolicy(policy)),
  ];
}

function bound(policy: BackstopPolicy): readonly Manifest[] {
  return [policyManifest(policy), bindingManifest(policy)];
}
