import { apply_patch } from 'jsonpatch';
import t from 'tap';
import { escapePointerToken, buildPatch, type PatchOperation } from '../../src/policy/patch.ts';
import { readPod } from '../../src/policy/pod.ts';
import type { Toleration } from '../../src/policy/policy.ts';
import { missingTolerations } from '../../src/policy/tolerations.ts';
import { validatePolicy } from '../../src/policy/validate.ts';
import { podOf } from '../support/pod.ts';

/** What a Pod of that spec lacks for a profile of those fields. */
function patchFor(spec: Record<string, unknown>, fields: Record<string, unknown>): readonly PatchOperation[] {
  const { policy } = validatePolicy(
    { apiVersion: 'gvisor-injector/v1alpha1', kind: 'SandboxPolicy', profiles: [{ name: 'gvisor', ...fields }] },
    'gvisor-injector',
  );
  const { pod } = readPod(podOf(spec));
  if (policy === undefined || pod === undefined) throw new Error('no policy or no Pod');
  return buildPatch(pod, policy.profiles[0]);
}

t.test('a profile without node selector and tolerations adds the RuntimeClass alone, and no empty parents', t => {
  const bare = { nodeSelector: {}, tolerations: [] };
  t.strictSame(patchFor({}, bare), [{ op: 'add', path: '/spec/runtimeClassName', value: 'gvisor' }]);
  t.strictSame(patchFor({ runtimeClassName: 'gvisor' }, bare), []);
  t.end();
});

t.test('a key of any characters becomes one token of a JSON Pointer', t => {
  for (const key of ['example.com/pool', 'a~b', '~1', '~01/~0', '']) {
    const path = `/spec/${escapePointerToken(key)}`;
    t.strictSame(apply_patch({ spec: {} }, [{ op: 'add', path, value: 1 }]), { spec: { [key]: 1 } }, key);
  }
  t.end();
});

t.test('a toleration is left out only when the Pod tolerates all of it, for as long', t => {
  const pool = { key: 'pool', operator: 'Exists', effect: 'NoExecute' } as const;
  const value = { key: 'pool', operator: 'Equal', value: 'a', effect: 'NoSchedule' } as const;
  const rows: readonly (readonly [unknown, Toleration, boolean])[] = [
    // Effect: none stands for every one.
    [{ key: 'pool', operator: 'Exists' }, pool, true],
    [{ key: 'pool', operator: 'Exists', effect: '' }, pool, true],
    [{ key: 'pool', operator: 'Exists', effect: 'NoSchedule' }, pool, false],
    [pool, { key: 'pool', operator: 'Exists' }, false],
    // Key and operator: Exists stands for every value, without a key for every taint; no operator is Equal.
    [{ operator: 'Exists' }, value, true],
    [{ key: 'pool', operator: 'Exists' }, value, true],
    [{ key: 'other', operator: 'Exists' }, value, false],
    [{ key: 'pool', value: 'a' }, value, true],
    [{ key: 'pool', operator: '', value: 'a' }, value, true],
    [{ key: 'pool', value: 'b' }, value, false],
    [{ key: 'other', value: 'a' }, value, false],
    [{ key: 'pool', operator: 'Lt', value: 'a' }, value, false],
    [value, { key: 'pool', value: 'a', effect: 'NoSchedule' }, true],
    [{ key: 'pool' }, { key: 'pool', operator: 'Equal' }, true],
    [{ key: 'pool' }, { key: 'pool', operator: 'Exists' }, false],
    [{ key: 'pool' }, { operator: 'Exists' }, false],
    // Time: it limits NoExecute only; without it a toleration lasts for ever.
    [{ ...pool, tolerationSeconds: 300 }, { ...pool, tolerationSeconds: 300 }, true],
    [{ ...pool, tolerationSeconds: 301 }, { ...pool, tolerationSeconds: 300 }, true],
    [{ ...pool, tolerationSeconds: 299 }, { ...pool, tolerationSeconds: 300 }, false],
    [{ ...pool, tolerationSeconds: '900' }, { ...pool, tolerationSeconds: 300 }, false],
    [{ ...pool, tolerationSeconds: 300 }, pool, false],
    [pool, { ...pool, tolerationSeconds: 300 }, true],
    [{ operator: 'Exists', tolerationSeconds: 5 }, value, true],
    [{ operator: 'Exists', tolerationSeconds: 5 }, { key: 'pool', operator: 'Exists' }, false],
    // Whatever is no object tolerates nothing.
    [null, value, false],
    ['pool', value, false],
    [[], value, false],
  ];
  for (const [present, wanted, isCovered] of rows) {
    const missing = missingTolerations([present], [wanted]);
    t.strictSame(missing, isCovered ? [] : [wanted], `${JSON.stringify(present)} for ${JSON.stringify(wanted)}`);
  }
  t.end();
});
