import t from 'tap';
import { admissionPath, admissionTargets, labelledProfile, TRIGGERS } from '../../src/policy/admission-path.ts';
import { auditKey, optOutKey } from '../../src/policy/keys.ts';
import { readPod } from '../../src/policy/pod.ts';
import { podOf } from '../support/pod.ts';

t.test('a policy has one path for each trigger of each profile, and one for Pods that ask themselves', t => {
  const targets = admissionTargets([{ name: 'gvisor' }, { name: 'strict' }]);
  t.strictSame(
    targets.map(target => [admissionPath(target), labelledProfile(target)]),
    [
      ['/mutate/enforce/gvisor', 'gvisor'],
      ['/mutate/enforce/gvisor/opt-out', 'gvisor'],
      ['/mutate/audit/gvisor', 'gvisor'],
      ['/mutate/enforce/strict', 'strict'],
      ['/mutate/enforce/strict/opt-out', 'strict'],
      ['/mutate/audit/strict', 'strict'],
      ['/mutate/pod', undefined],
    ],
  );
  t.strictSame(new Set(targets.map(({ trigger }) => trigger)), new Set(TRIGGERS));
  t.strictSame([auditKey('sandbox'), optOutKey('example.com/x')], ['sandbox-audit', 'example.com/x-opt-out']);
  t.end();
});

t.test('readPod() takes absent and null fields for the same, and any field that it does not know', t => {
  const bare = { annotations: undefined, runtimeClassName: undefined, nodeName: undefined };
  const none = { ...bare, nodeSelector: undefined, tolerations: undefined };
  const nulls = { runtimeClassName: null, nodeName: null, nodeSelector: null, tolerations: null };
  for (const object of [
    { spec: {} },
    { metadata: null, spec: {} },
    { metadata: {}, spec: nulls },
    { metadata: { annotations: null }, spec: { shinyNewField: [1] } },
  ]) {
    t.strictSame(readPod(object), { pod: { ...none, spec: object.spec } }, JSON.stringify(object));
  }
  t.end();
});

t.test('readPod() names the field that is no Pod’s, and what was found there', t => {
  for (const [object, field, wanted, found] of [
    [undefined, 'the Pod', 'an object', 'nothing'],
    [null, 'the Pod', 'an object', 'nothing'],
    [[], 'the Pod', 'an object', 'an array'],
    ['pod', 'the Pod', 'an object', 'a string'],
    [{ metadata: [], spec: {} }, 'metadata', 'an object', 'an array'],
    [{ metadata: {} }, 'spec', 'an object', 'nothing'],
    [{ metadata: {}, spec: 1 }, 'spec', 'an object', 'a number'],
    [podOf({}, { annotations: 'sandbox' }), 'metadata.annotations', 'an object', 'a string'],
    [
      podOf({}, { annotations: { team: 'a', sandbox: true } }),
      'metadata.annotations["sandbox"]',
      'a string',
      'a boolean',
    ],
    [podOf({}, { annotations: { 'a\nb': {} } }), String.raw`metadata.annotations["a\u{a}b"]`, 'a string', 'an object'],
    [podOf({ runtimeClassName: 5 }), 'spec.runtimeClassName', 'a string', 'a number'],
    [podOf({ nodeName: {} }), 'spec.nodeName', 'a string', 'an object'],
    [podOf({ nodeSelector: ['pool'] }), 'spec.nodeSelector', 'an object', 'an array'],
    [podOf({ tolerations: { key: 'pool' } }), 'spec.tolerations', 'an array', 'an object'],
  ] as const) {
    const { fault } = readPod(object);
    t.match(fault, `${field} must be ${wanted}, found ${found}`, field);
  }
  t.end();
});
