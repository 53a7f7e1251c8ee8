import { applyPatch } from '../../src/documents/apply-patch.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Decision } from '../../src/policy/decision.ts';
import { isJsonObject, type JsonObject, member } from '../../src/policy/json.ts';
import { buildPatch } from '../../src/policy/patch.ts';
import { type Pod, readPod } from '../../src/policy/pod.ts';
import { findProfile } from '../../src/policy/policy.ts';
import type { DecisionFixture } from '../support/decision-fixtures.ts';

/** A fixture as a real API server meets it: a namespace with labels, and what the webhook makes of it then. */

/** What the webhook is asked, given the labels: an annotated Pod is never asked about as an audit. */
export function decisionOf(fixture: DecisionFixture): Decision {
  const { policy, target, namespace, requester } = fixture;
  const pod = podOf(fixture.pod);
  const isAnnotated = pod.annotations !== undefined && member(pod.annotations, policy.sandboxKey) !== undefined;
  const asked = target.trigger === 'audit' && isAnnotated ? ({ trigger: 'pod' } as const) : target;
  const decision = decide({ policy, target: asked, namespace, pod, ...(requester === undefined ? {} : { requester }) });
  return asked.trigger === 'audit' ? { ...decision, outcome: 'allowed', patch: [] } : decision;
}

/** True when no sandbox is asked for in the end. */
export function isLeftAlone(fixture: DecisionFixture): boolean {
  const { reason } = decisionOf(fixture);
  const leftAlone = ['MirrorPod', 'NotRequested', 'NamespaceExempt', 'OptedOut'].includes(reason);
  const isAudit =
    fixture.target.trigger === 'audit' &&
    member(podOf(fixture.pod).annotations ?? {}, fixture.policy.sandboxKey) === undefined;
  return leftAlone || isAudit;
}

/** The Pod with the class and the selector that its profile asks for, as far as it does not contradict them. */
export function complete(fixture: DecisionFixture): JsonObject {
  const decision = decisionOf(fixture);
  const profile = findProfile(fixture.policy, decision.profile ?? '') ?? fixture.policy.profiles[0];
  const completed: unknown = applyPatch(fixture.pod, buildPatch(podOf(fixture.pod), profile));
  if (!isJsonObject(completed)) throw new TypeError('a Pod is an object');
  return completed;
}

/** A namespace of the fixture's own, save where its name is what matters. */
export function namespaceOf({ name, namespace, target, policy }: DecisionFixture) {
  const { sandboxKey, exemptNamespaces } = policy;
  const labels = {
    ...(target.trigger === 'enforce' ? { [sandboxKey]: target.profile } : {}),
    ...(target.trigger === 'audit' ? { [`${sandboxKey}-audit`]: target.profile } : {}),
    ...(target.trigger === 'enforce' && target.optOut ? { [`${sandboxKey}-opt-out`]: 'allowed' } : {}),
  };
  return { name: exemptNamespaces.includes(namespace) ? namespace : name.slice(0, 63), labels };
}

/** The fixture's Pod. */
export function podOf(object: unknown): Pod {
  const { pod, fault } = readPod(object);
  if (pod === undefined) throw new TypeError(fault);
  return pod;
}
