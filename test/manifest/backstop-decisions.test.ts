import fc from 'fast-check';
import t from 'tap';
import { applyPatch } from '../../src/documents/apply-patch.ts';
import type { Target } from '../../src/policy/admission-path.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Decision, Requester } from '../../src/policy/decision.ts';
import { isJsonObject, type JsonObject } from '../../src/policy/json.ts';
import { readPod } from '../../src/policy/pod.ts';
import { findProfile, type Policy, profileOfRuntimeClass } from '../../src/policy/policy.ts';
import {
  decideFixture,
  type DecisionFixture,
  decisionFixtures,
  fixturePolicies,
} from '../support/decision-fixtures.ts';
import { anyPod } from '../support/generators.ts';
import { podOf } from '../support/pod.ts';
import { createBackstop, type Judgement } from './backstop-evaluator.ts';

/**
 * The backstop against `decide()`: what the webhook lets through, the backstop lets through; what the webhook refuses,
 * the backstop refuses, save findings; and what the backstop lets through is sandboxed, whatever the webhook did.
 */

const backstops = new Map([...fixturePolicies()].map(([name, { policy }]) => [name, createBackstop(policy)] as const));
const POLICY_NAME = 'two-profiles';
const policy = fixturePolicies().get(POLICY_NAME)?.policy;
if (policy === undefined) throw new Error('the fixture policy two-profiles is missing');

/** Reasons for which the webhook leaves a Pod without a sandbox, so that no profile can allow its runtime flags. */
const LEFT_ALONE: readonly string[] = ['MirrorPod', 'NotRequested', 'NamespaceExempt', 'OptedOut'];

/** One Pod, and the namespace and user that make the API server ask the way the target says. */
interface Case {
  readonly policyName: string;
  readonly policy: Policy;
  readonly pod: JsonObject;
  readonly target: Target;
  readonly namespace: string;
  readonly requester: Requester | undefined;
}

function judge({ policyName, policy: { sandboxKey }, target, namespace, requester }: Case, pod: unknown): Judgement {
  const backstop = backstops.get(policyName);
  if (backstop === undefined || !isJsonObject(pod)) throw new Error('there is no such policy or Pod');
  return backstop({
    resource: 'pods',
    operation: 'CREATE',
    object: pod,
    namespace: { name: namespace, labels: labelsOf(target, sandboxKey) },
    ...(requester === undefined ? {} : { user: requester }),
  });
}

function labelsOf(target: Target, sandboxKey: string): Record<string, string> {
  if (target.trigger === 'pod') return {};
  if (target.trigger === 'audit') return { [`${sandboxKey}-audit`]: target.profile };
  return { [sandboxKey]: target.profile, ...(target.optOut ? { [`${sandboxKey}-opt-out`]: 'allowed' } : {}) };
}

function ask({ policy: asked, pod: object, target, namespace, requester }: Case): Decision {
  const { pod, fault } = readPod(object);
  if (pod === undefined) throw new Error(fault);
  return decide({ policy: asked, target, namespace, pod, ...(requester === undefined ? {} : { requester }) });
}

/** Reason codes of all denials, by policy. */
function denials({ failures }: Judgement): readonly (readonly [policy: string, reason: string])[] {
  return failures
    .filter(({ action }) => action === 'Deny')
    .map(({ policy: name, message }) => [name, message.split(':')[0] ?? ''] as const);
}

/** What is wrong between the decision and the backstop; undefined when they agree. */
function disagreement(one: Case): string | undefined {
  const decision = ask(one);
  const { outcome, reason } = decision;
  if (outcome === 'denied') {
    const reasons = denials(judge(one, one.pod)).map(([, code]) => code);
    if (reason === 'Incompatible') return undefined;
    if (reasons.length === 0) return `${reason} was let through`;
    const isSaid = reason === 'RuntimeFlagForbidden' || reasons[0] === reason;
    return isSaid ? undefined : `${reason} became ${reasons.join()}`;
  }
  const refused = denials(judge(one, applyPatch(one.pod, decision.patch)));
  const unexpected = refused.filter(
    ([name]) => !(LEFT_ALONE.includes(reason) && name === 'gvisor-injector-runtime-flags'),
  );
  return unexpected.length === 0 ? undefined : `${reason} was refused: ${unexpected.join('; ')}`;
}

/** Why a Pod in a labelled namespace that the backstop let through may run there; undefined when it may not. */
function excuse({ pod: object, target, requester, policy: asked }: Case): string | undefined {
  const { pod } = readPod(object);
  if (pod === undefined || target.trigger !== 'enforce') return undefined;
  const { annotations = {}, runtimeClassName = '', nodeSelector = {}, nodeName } = pod;
  if (requester?.username === `system:node:${nodeName}` && 'kubernetes.io/config.mirror' in annotations)
    return 'mirror';
  if (annotations[asked.sandboxKey] === 'none') return target.optOut ? 'opted out' : undefined;
  const profile = profileOfRuntimeClass(asked, runtimeClassName);
  const label = findProfile(asked, target.profile);
  const isPermitted = [label?.name, ...(label?.alternatives ?? [])].includes(profile?.name);
  if (profile === undefined || !isPermitted) return undefined;
  const selected = Object.entries(profile.nodeSelector).every(([key, value]) => nodeSelector[key] === value);
  return selected ? 'sandboxed' : undefined;
}

function caseOf({ pod, target, policyName, policy: asked, namespace, requester }: DecisionFixture): Case {
  if (!isJsonObject(pod)) throw new TypeError('a Pod is an object');
  return { pod, target, policyName, policy: asked, namespace, requester };
}

/** True for what the API server refuses to read, or itself finds invalid, before any policy is asked. */
function isNoPod(object: JsonObject): boolean {
  const { pod } = readPod(object);
  const values = Object.values(pod?.nodeSelector ?? {});
  return pod === undefined || pod.runtimeClassName === '' || values.some(value => typeof value !== 'string');
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  policyName: fc.constant(POLICY_NAME),
  policy: fc.constant(policy),
  pod: anyPod,
  target: fc.oneof(
    fc.record({
      trigger: fc.constant('enforce' as const),
      profile: fc.constantFrom('gvisor', 'strict'),
      optOut: fc.boolean(),
    }),
    fc.constant({ trigger: 'pod' as const }),
  ),
  namespace: fc.constantFrom('team-a', 'team-a', 'team-a', 'monitoring'),
  requester: fc.constantFrom(
    undefined,
    { username: 'system:node:n1', groups: ['system:nodes'] },
    { username: 'system:node:n1', groups: [] },
    { username: 'someone', groups: ['system:nodes'] },
  ),
});

/** One case for each excuse; random ones meet a mirror Pod too seldom to rely on it. */
const EXCUSED: readonly [Case][] = [
  podOf({ runtimeClassName: 'gvisor', nodeSelector: { 'gvisor-injector/runsc': 'ready' } }),
  podOf({}, { annotations: { sandbox: 'none' } }),
  podOf({ nodeName: 'n1' }, { annotations: { 'kubernetes.io/config.mirror': 'abc' } }),
].map(pod => [
  {
    policyName: POLICY_NAME,
    policy,
    pod,
    target: { trigger: 'enforce', profile: 'gvisor', optOut: true },
    namespace: 'team-a',
    requester: { username: 'system:node:n1', groups: ['system:nodes'] },
  },
]);

t.test('every fixture gets the same from the backstop as from decide(), but findings', t => {
  const fixtures = decisionFixtures().filter(({ target }) => target.trigger !== 'audit');
  t.ok(fixtures.length > 30);
  for (const fixture of fixtures) {
    const one = caseOf(fixture);
    if (isNoPod(one.pod)) continue;
    // An exempt namespace is not asked about at all, whatever decide() says of it.
    if (one.policy.exemptNamespaces.includes(one.namespace)) t.same(denials(judge(one, one.pod)), [], fixture.name);
    else t.equal(disagreement(one), undefined, `${fixture.name} ${decideFixture(fixture).reason}`);
  }
  t.end();
});

t.test('an audited namespace is not judged at all', t => {
  for (const fixture of decisionFixtures().filter(({ target }) => target.trigger === 'audit')) {
    const one = caseOf(fixture);
    const { annotations = {} } = readPod(one.pod).pod ?? {};
    // The audit entry is not for annotated Pods; a runtime flag is refused everywhere.
    if (one.policy.sandboxKey in annotations || fixture.name.startsWith('runtime-flag')) continue;
    t.same(denials(judge(one, one.pod)), [], fixture.name);
  }
  t.end();
});

t.test('for any Pod the backstop and decide() agree, but for findings', t => {
  let denied = 0;
  fc.assert(
    fc.property(anyCase, one => {
      if (one.policy.exemptNamespaces.includes(one.namespace) || isNoPod(one.pod)) return;
      if (ask(one).outcome === 'denied') denied++;
      const what = disagreement(one);
      if (what !== undefined) throw new Error(what);
    }),
    { numRuns: 800 },
  );
  t.ok(denied > 100, `${denied} Pods were denied`);
  t.end();
});

t.test(
  'without any webhook, what passes in a labelled namespace is sandboxed, opted out by permission, or a mirror',
  t => {
    const met = new Map<string, number>();
    fc.assert(
      fc.property(anyCase, one => {
        if (one.target.trigger !== 'enforce' || one.policy.exemptNamespaces.includes(one.namespace)) return;
        if (denials(judge(one, one.pod)).length > 0) return;
        const why = excuse(one);
        if (why === undefined) throw new Error('it runs without its sandbox');
        met.set(why, (met.get(why) ?? 0) + 1);
      }),
      { numRuns: 1000, examples: [...EXCUSED] },
    );
    t.same([...met.keys()].toSorted(), ['mirror', 'opted out', 'sandboxed'], 'each was met');
    t.end();
  },
);
