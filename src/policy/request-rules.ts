import type { RequestFacts, Rule } from './rule.ts';
import { list, quote } from './rule.ts';
import {
  MIRROR_POD_ANNOTATION,
  NODE_USER_PREFIX,
  NODES_GROUP,
  OPT_OUT_ALLOWED,
  OPT_OUT_VALUE,
  optOutKey,
} from './keys.ts';
import { member } from './json.ts';
import { nearest } from './nearest.ts';
import { findProfile } from './policy.ts';

/** Rows 1 to 6 of the precedence table: they need no profile. The first that matches decides. */
export const REQUEST_RULES: readonly Rule<RequestFacts>[] = [
  {
    reason: 'MirrorPod',
    judge: facts =>
      isMirrorPodOfItsNode(facts)
        ? { outcome: 'allowed', message: 'the mirror Pod of a static Pod, which its node runs as it is' }
        : undefined,
  },
  {
    reason: 'NotRequested',
    judge: ({ label, annotation }) =>
      label === undefined && (annotation === undefined || annotation === OPT_OUT_VALUE)
        ? { outcome: 'allowed', message: 'neither the namespace nor the Pod asks for a sandbox' }
        : undefined,
  },
  {
    reason: 'NamespaceExempt',
    judge: ({ policy, namespace }) =>
      policy.exemptNamespaces.includes(namespace)
        ? { outcome: 'allowed', message: `namespace ${quote(namespace)} is exempt` }
        : undefined,
  },
  {
    reason: 'OptedOut',
    judge: facts => {
      if (facts.annotation !== OPT_OUT_VALUE || !permitsOptOut(facts)) return undefined;
      const message = `annotation ${facts.policy.sandboxKey}=${OPT_OUT_VALUE}: this Pod runs without a sandbox`;
      return { outcome: 'allowed', message, warnings: [message] };
    },
  },
  {
    reason: 'OptOutForbidden',
    judge: ({ policy, namespace, annotation }) =>
      annotation === OPT_OUT_VALUE
        ? {
            outcome: 'denied',
            message:
              `annotation ${policy.sandboxKey}=${OPT_OUT_VALUE}: namespace ${quote(namespace)} does not let Pods opt out; remove ` +
              `the annotation, or ask the owner of the namespace to label it ${optOutKey(policy.sandboxKey)}=${OPT_OUT_ALLOWED}`,
          }
        : undefined,
  },
  {
    reason: 'UnknownProfile',
    judge: ({ policy, annotation }) => {
      if (annotation === undefined || findProfile(policy, annotation) !== undefined) return undefined;
      const known = policy.profiles.map(profile => profile.name);
      const near = nearest(annotation.trim(), [...known, OPT_OUT_VALUE]);
      const suggestion = near === undefined ? '' : `did you mean ${quote(near)}? `;
      return {
        outcome: 'denied',
        message: `annotation ${policy.sandboxKey}=${quote(annotation)} names no profile; ${suggestion}the profiles are ${list(known)}`,
      };
    },
  },
];

/** Only the kubelet that runs the static Pod may present its mirror; anybody can write the annotation. */
function isMirrorPodOfItsNode({ pod, requester }: RequestFacts): boolean {
  if (requester === undefined || pod.annotations === undefined || pod.nodeName === undefined) return false;
  return (
    member(pod.annotations, MIRROR_POD_ANNOTATION) !== undefined &&
    requester.username === `${NODE_USER_PREFIX}${pod.nodeName}` &&
    requester.groups.includes(NODES_GROUP)
  );
}

function permitsOptOut({ target }: RequestFacts): boolean {
  return target.trigger === 'enforce' && target.optOut;
}
