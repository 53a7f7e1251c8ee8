import { MIRROR_POD_ANNOTATION, NODE_USER_PREFIX, NODES_GROUP, OPT_OUT_VALUE } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { all, choose, literal, not } from './backstop-cel.ts';
import { type BackstopPolicy, coreRule } from './backstop-policy.ts';
import {
  nodeSelectorConflict,
  notInjected,
  optOutForbidden,
  profileForbidden,
  runtimeClassConflict,
  unknownLabel,
  unknownProfile,
  unknownProfileInLabelled,
} from './backstop-sandbox-refusals.ts';
import { namespaceVariables, podVariables, profileVariables, wantedVariables } from './backstop-sandbox-variables.ts';
import { carriesAnnotation, exemption } from './webhook-entries.ts';

/** Row 1 of the precedence table: only the kubelet that runs a static Pod may present its mirror. */
const IS_NO_MIRROR_POD = {
  name: 'is-no-mirror-pod-of-its-node',
  expression: not(
    all(
      carriesAnnotation(MIRROR_POD_ANNOTATION),
      'has(object.spec.nodeName)',
      'has(request.userInfo.username)',
      `request.userInfo.username == ${literal(NODE_USER_PREFIX)} + object.spec.nodeName`,
      'has(request.userInfo.groups)',
      `${literal(NODES_GROUP)} in request.userInfo.groups`,
    ),
  ),
};

const AUDITED_PROFILE = { profile: `string(${choose('variables.judged', 'variables.profile', "''")})` };

/** Pods of namespaces with the label, whatever its value. @param namespace the webhook's, for messages */
export function labelledPolicy(policy: Policy, namespace: string): BackstopPolicy {
  const { sandboxKey } = policy;
  return {
    key: 'labelled',
    action: 'Deny',
    comment:
      `The final Pod in a namespace with the label ${sandboxKey}, whatever happened to the webhook or after it: it has the\n` +
      'RuntimeClass and the nodeSelector of a profile that the label permits. An unknown value of the label denies all.',
    constraints: {
      namespaceSelector: { matchExpressions: [{ key: sandboxKey, operator: 'Exists' }, exemption(policy)] },
      resourceRules: [coreRule(['CREATE'], 'pods')],
    },
    conditions: [IS_NO_MIRROR_POD],
    variables: [
      ...profileVariables(policy),
      ...podVariables(policy),
      ...namespaceVariables(policy),
      ...wantedVariables(),
    ],
    refusals: [
      unknownLabel(policy),
      optOutForbidden(policy),
      unknownProfileInLabelled(policy),
      runtimeClassConflict(policy),
      profileForbidden(policy),
      nodeSelectorConflict(),
      notInjected(namespace),
    ],
    auditAnnotations: AUDITED_PROFILE,
    allowedReason: choose('variables.optedOut', literal('OptedOut'), literal('AlreadySandboxed')),
  };
}

/** Pods with the annotation, wherever they are. @param namespace the webhook's, for messages */
export function annotatedPolicy(policy: Policy, namespace: string): BackstopPolicy {
  const { sandboxKey } = policy;
  const asks = `object.metadata.annotations[${literal(sandboxKey)}] != ${literal(OPT_OUT_VALUE)}`;
  return {
    key: 'annotated',
    action: 'Deny',
    comment:
      `The final Pod with the annotation ${sandboxKey}, in any namespace: it has the RuntimeClass and the nodeSelector of the\n` +
      `profile that it names. Whether a Pod may ask for ${OPT_OUT_VALUE} is for the policy on labelled namespaces to say.`,
    constraints: {
      namespaceSelector: { matchExpressions: [exemption(policy)] },
      resourceRules: [coreRule(['CREATE'], 'pods')],
    },
    conditions: [
      { name: 'asks-for-a-sandbox', expression: all(carriesAnnotation(sandboxKey), asks) },
      IS_NO_MIRROR_POD,
    ],
    variables: [
      ...profileVariables(policy),
      ...podVariables(policy),
      { name: 'profile', expression: 'variables.annotation' },
      { name: 'judged', expression: 'variables.profile in variables.classes' },
      ...wantedVariables(),
    ],
    refusals: [unknownProfile(policy), runtimeClassConflict(policy), nodeSelectorConflict(), notInjected(namespace)],
    auditAnnotations: AUDITED_PROFILE,
    allowedReason: literal('AlreadySandboxed'),
  };
}
