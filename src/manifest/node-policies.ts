import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../kube/objects.ts';
import { nodeNamespace } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { type BackstopPolicy, bindingManifest, policyManifest } from './backstop-policy.ts';
import type { Manifest } from './manifest.ts';
import { NODE_LABELS, NODE_NAME } from './names.ts';
import { agentEventsPolicy } from './node-policy-events.ts';
import { agentNodesPolicy } from './node-policy-nodes.ts';
import { agentImagePolicy, agentPodsPolicy } from './node-policy-pods.ts';

/** The policies that bound the node agent, each with its binding. @param namespace the webhook's */
export function nodePolicyManifests(policy: Policy, namespace: string): readonly Manifest[] {
  return [
    ...bound(agentNodesPolicy(policy, namespace)),
    ...bound(agentPodsPolicy(policy, namespace)),
    ...boundToDaemonSet(agentImagePolicy(namespace), namespace),
    ...bound(agentEventsPolicy(namespace)),
  ];
}

function bound(policy: BackstopPolicy) {
  return [ofNode(policyManifest(policy)), ofNode(bindingManifest(policy))] as const;
}

function ofNode<Kind extends ValidatingAdmissionPolicy | ValidatingAdmissionPolicyBinding>(
  manifest: Manifest<Kind>,
): Manifest<Kind> {
  const { file, object } = manifest;
  return {
    ...manifest,
    file: file.replace(/^backstop-agent-/, 'node-policy-'),
    object: { ...object, metadata: { ...object.metadata, labels: NODE_LABELS } },
  };
}

/** The policy reads the DaemonSet. Without one there is no node agent either. */
function boundToDaemonSet(policy: BackstopPolicy, namespace: string): readonly Manifest[] {
  const [{ object, ...manifest }, { object: binding, ...bindingRest }] = bound(policy);
  const paramRef = { name: NODE_NAME, namespace: nodeNamespace(namespace), parameterNotFoundAction: 'Deny' };
  return [
    {
      ...manifest,
      object: { ...object, spec: { ...object.spec, paramKind: { apiVersion: 'apps/v1', kind: 'DaemonSet' } } },
    },
    { ...bindingRest, object: { ...binding, spec: { ...binding.spec, paramRef } } },
  ];
}
