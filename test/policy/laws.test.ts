import fc from 'fast-check';
import t from 'tap';
// jsonpatch, wrapped: by itself it loses an own key `__proto__` of the objects that it copies.
import { applyPatch } from '../../src/documents/apply-patch.ts';
import { isJsonObject } from '../../src/policy/json.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Decision } from '../../src/policy/decision.ts';
import { findProfile, type Policy } from '../../src/policy/policy.ts';
import { readPod } from '../../src/policy/pod.ts';
import type { Target } from '../../src/policy/admission-path.ts';
import { missingTolerations } from '../../src/policy/tolerations.ts';
import { fixturePolicies } from '../support/decision-fixtures.ts';
import { anyPod, anyTarget } from '../support/generators.ts';

const policies = fixturePolicies();
const twoProfiles = policies.get('two-profiles')?.policy;
if (twoProfiles === undefined) throw new Error('the fixture policy two-profiles is missing');
const warning: Policy = { ...twoProfiles, incompatible: 'warn' };

function ask(object: unknown, target: Target, policy = warning): Decision {
  const { pod, fault } = readPod(object);
  if (pod === undefined) throw new Error(fault);
  return decide({ policy, target, namespace: 'team-a', pod });
}

/** True when everything of `before` is in `after` at its place: members kept, array items kept in order at the front. */
function onlyAdds(before: unknown, after: unknown): boolean {
  if (Array.isArray(before)) return Array.isArray(after) && before.every((item, index) => onlyAdds(item, after[index]));
  if (isJsonObject(before))
    return isJsonObject(after) && Object.entries(before).every(([key, value]) => onlyAdds(value, after[key]));
  return before === after || before === null;
}

t.test('decide() after its patch was applied finds all there: nothing more to add, the same profile', t => {
  let patched = 0;
  fc.assert(
    fc.property(anyPod, anyTarget, (pod, target) => {
      const first = ask(pod, target);
      if (first.outcome !== 'patched') return;
      patched++;
      const again = ask(applyPatch(pod, first.patch), target);
      const expected = first.reason === 'Incompatible' ? 'Incompatible' : 'AlreadySandboxed';
      if (
        again.reason !== expected ||
        again.outcome !== 'allowed' ||
        again.patch.length > 0 ||
        again.profile !== first.profile
      ) {
        throw new Error(`then ${again.reason}, ${JSON.stringify(again.patch)}`);
      }
    }),
    { numRuns: 2000 },
  );
  t.ok(patched > 200, `${patched} Pods were patched`);
  t.end();
});

t.test('a patch applies, only adds, and brings the Pod under the profile', t => {
  fc.assert(
    fc.property(anyPod, anyTarget, (pod, target) => {
      const before = JSON.stringify(pod);
      const decision = ask(pod, target);
      const after = applyPatch(pod, decision.patch);
      if (JSON.stringify(pod) !== before) throw new Error('decide() changed the Pod');
      if (!onlyAdds(pod, after)) throw new Error(`more than an addition: ${JSON.stringify(after)}`);
      if (decision.outcome !== 'patched') return;
      const profile = findProfile(warning, decision.profile ?? '');
      const { pod: sandboxed } = readPod(after);
      if (profile === undefined || sandboxed === undefined) throw new Error('the patched Pod is no Pod');
      const isUnder =
        sandboxed.runtimeClassName === profile.runtimeClassName &&
        Object.entries(profile.nodeSelector).every(([key, value]) => sandboxed.nodeSelector?.[key] === value) &&
        missingTolerations(sandboxed.tolerations ?? [], profile.tolerations).length === 0;
      if (!isUnder) throw new Error('not under the profile');
    }),
    { numRuns: 2000 },
  );
  t.end();
});

t.test(
  'a label is a floor: in a labelled namespace no Pod is left alone or given a profile that is not permitted',
  t => {
    fc.assert(
      fc.property(anyPod, anyTarget, (pod, target) => {
        const { outcome, reason, profile } = ask(pod, target, twoProfiles);
        if (target.trigger !== 'enforce' || outcome === 'denied') return;
        if (reason === 'OptedOut') {
          if (!target.optOut) throw new Error('opted out where that is forbidden');
          if (readPod(pod).pod?.annotations?.['sandbox'] !== 'none') throw new Error('opted out without asking');
          return;
        }
        const permitted = [target.profile, ...(findProfile(twoProfiles, target.profile)?.alternatives ?? [])];
        if (!permitted.includes(profile ?? '')) throw new Error(`${reason} with profile ${profile}`);
      }),
      { numRuns: 2000 },
    );
    t.end();
  },
);

t.test('messages and warnings are one printable line', t => {
  fc.assert(
    fc.property(anyPod, anyTarget, (pod, target) => {
      const { message, warnings } = ask(pod, target);
      for (const text of [message, ...warnings])
        if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) throw new Error(JSON.stringify(text));
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('a toleration that covers another makes it superfluous, and the set never grows twice', t => {
  const effects = ['NoSchedule', 'NoExecute'] as const;
  const wanted = fc.record({
    key: fc.constantFrom('a', 'b'),
    operator: fc.constant('Equal' as const),
    value: fc.constantFrom('x', 'y'),
    effect: fc.constantFrom(...effects),
  });
  fc.assert(
    fc.property(fc.array(wanted, { maxLength: 4 }), fc.array(wanted, { maxLength: 4 }), (present, asked) => {
      const missing = missingTolerations(present, asked);
      if (missingTolerations([...present, ...missing], asked).length > 0) throw new Error('not a set');
      if (missingTolerations([{ operator: 'Exists' }], asked).length > 0)
        throw new Error('Exists without key covers all');
    }),
  );
  t.end();
});
