import * as fc from 'fast-check';
import t from 'tap';
import { parse } from '@bufbuild/cel';
import { listOf, literal, mapOf, say, sentence, show, speak } from '../../src/manifest/backstop-cel.ts';
import { backstopManifests } from '../../src/manifest/backstop.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { validatePolicy } from '../../src/policy/validate.ts';
import { fixturePolicies } from '../support/decision-fixtures.ts';
import { podOf } from '../support/pod.ts';
import { createBackstop, evaluateAlone } from './backstop-evaluator.ts';
import { objectsOf } from './rendering.ts';

function policyOf(fields: Record<string, unknown>): Policy {
  const { policy, faults } = validatePolicy(
    { apiVersion: 'gvisor-injector/v1alpha1', kind: 'SandboxPolicy', profiles: [{ name: 'gvisor' }], ...fields },
    DEFAULT_NAMESPACE,
  );
  if (faults !== undefined) throw new TypeError(JSON.stringify(faults));
  return policy;
}

function fixturePolicy(name: string): Policy {
  const policy = fixturePolicies().get(name)?.policy;
  if (policy === undefined) throw new Error(`there is no policy ${name}`);
  return policy;
}

t.test('a literal is the string itself, whatever the string holds', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (one, two) => {
      const value = evaluateAlone(`${mapOf([[one, listOf([two, one])]])}[${literal(one)}]`);
      return JSON.stringify(value) === JSON.stringify([two, one]);
    }),
    {
      numRuns: 1000,
      examples: [
        ["'", '\\'],
        ['\\\'"', '\n\r\t\0'],
        ['\u202e\u2028', '\u{1f600}'],
      ],
    },
  );
  t.equal(literal('sandbox'), "'sandbox'", 'and usual ones are readable');
  t.equal(literal("it's\n"), "'it\\'s\\U0000000a'");
  t.end();
});

t.test('a sentence joins texts and values, and only describes a value that could do harm', t => {
  const told = sentence`label ${'sandbox'}=${show("'gvi\"sor'")} has ${say("'3'")}${' '}'parts'`;
  t.equal(evaluateAlone(speak(told)), `label sandbox="gvi"sor" has 3 'parts'`);
  t.equal(evaluateAlone(speak(told, ' +\n')), evaluateAlone(speak(told)));
  for (const value of ['a\nb', '\u001b[31m', 'é', 'x'.repeat(81)]) {
    t.equal(evaluateAlone(speak([show(literal(value))])), 'a value that is long or not printable');
  }
  t.equal(evaluateAlone(speak([show(literal('x'.repeat(80)))])), `"${'x'.repeat(80)}"`);
  t.equal(evaluateAlone(speak(sentence``)), '');
  t.end();
});

const dnsLabel = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/);
const keyName = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?$/);
const labelKey = fc.oneof(
  keyName,
  fc.tuple(dnsLabel, keyName).map(parts => parts.join('/')),
);
const labelValue = fc.oneof(keyName, fc.constant(''));
const flag = fc.tuple(keyName, fc.constantFrom('', '*')).map(([name, star]) => `dev.gvisor.${name}${star}`);

/** Any policy that the schema lets through, as far as the backstop reads it. */
const anyPolicy = fc
  .record({
    sandboxKey: labelKey,
    exemptNamespaces: fc.array(dnsLabel, { maxLength: 2 }),
    names: fc.uniqueArray(
      dnsLabel.filter(name => name !== 'none'),
      { minLength: 1, maxLength: 3 },
    ),
    nodeSelector: fc.dictionary(labelKey, labelValue, { maxKeys: 2, noNullPrototype: true }),
    allowedAnnotations: fc.array(flag, { maxLength: 2 }),
  })
  .map(({ names, nodeSelector, allowedAnnotations, ...rest }) =>
    policyOf({
      ...rest,
      profiles: names.map((name, index) => ({
        name,
        ...(index === 0 ? { nodeSelector, alternatives: names.slice(1) } : { allowedAnnotations }),
      })),
    }),
  );

t.test('whatever names the policy has, every expression is CEL, and a sandboxed Pod passes', t => {
  fc.assert(
    fc.property(anyPolicy, policy => {
      const backstop = createBackstop(policy);
      for (const { name, runtimeClassName, nodeSelector } of policy.profiles) {
        const object = podOf({ runtimeClassName, nodeSelector }, { annotations: { [policy.sandboxKey]: name } });
        const namespace = { name: 'other-namespace', labels: { [policy.sandboxKey]: name } };
        const passes = backstop({ resource: 'pods', operation: 'CREATE', object, namespace });
        const bare = backstop({ resource: 'pods', operation: 'CREATE', object: podOf(), namespace });
        if (passes.failures.length > 0) throw new Error(JSON.stringify(passes.failures));
        if (!bare.failures.some(({ message }) => message.startsWith('NotInjected: '))) throw new Error('it passed');
      }
    }),
    { numRuns: 40 },
  );
  t.end();
});

t.test('every policy has a binding of its name, but the one that a component binds', t => {
  const manifests = backstopManifests(fixturePolicy('default'), DEFAULT_NAMESPACE);
  const policies = objectsOf(manifests, 'ValidatingAdmissionPolicy');
  const bindings = objectsOf(manifests, 'ValidatingAdmissionPolicyBinding');
  const unbound = policies.filter(({ metadata }) => !bindings.some(({ spec }) => spec?.policyName === metadata.name));
  t.same(
    unbound.map(({ metadata }) => metadata.name),
    ['gvisor-injector-protected-labels'],
  );
  t.same(
    bindings.map(({ metadata, spec }) => [metadata.name, spec?.policyName, spec?.validationActions]),
    policies
      .filter(object => !unbound.includes(object))
      .map(({ metadata: { name } }) => [name, name, [name.endsWith('advice') ? 'Warn' : 'Deny']]),
  );
  for (const { metadata, spec } of policies) {
    const isAdvice = metadata.name.endsWith('advice');
    t.equal(spec?.failurePolicy, isAdvice ? 'Ignore' : 'Fail', `${metadata.name}: an advice never holds anything up`);
    for (const { reason, message } of spec?.validations ?? []) {
      t.equal(reason, isAdvice ? undefined : 'Forbidden', `${metadata.name} answers as the webhook does`);
      t.equal(message === undefined, isAdvice, `${metadata.name} has a reason to fall back to`);
    }
    t.same(spec?.paramKind, undefined, 'all that it needs is in its expressions');
  }
  t.end();
});

t.test('the policies ask for what the design says, and for nothing else', t => {
  const manifests = backstopManifests(fixturePolicy('two-profiles'), DEFAULT_NAMESPACE);
  const exempt = {
    key: 'kubernetes.io/metadata.name',
    operator: 'NotIn',
    values: ['kube-system', 'gvisor-injector', 'gvisor-injector-node', 'gvisor-injector-proof', 'monitoring'],
  };
  const asked = objectsOf(manifests, 'ValidatingAdmissionPolicy').map(({ metadata, spec }) => [
    metadata.name.replace('gvisor-injector-', ''),
    (spec?.matchConstraints?.resourceRules ?? []).map(({ operations, resources }) => [operations, resources].join(' ')),
    spec?.matchConstraints?.namespaceSelector?.matchExpressions,
  ]);
  const onNamespaces = 'CREATE,UPDATE namespaces,namespaces/status,namespaces/finalize';
  t.same(asked, [
    ['labelled', ['CREATE pods'], [{ key: 'sandbox', operator: 'Exists' }, exempt]],
    ['annotated', ['CREATE pods'], [exempt]],
    ['runtime-flags', ['CREATE,UPDATE pods', 'UPDATE pods/status'], undefined],
    ['binding-flags', ['CREATE pods/binding,bindings'], undefined],
    ['namespace-labels', [onNamespaces], undefined],
    ['namespace-advice', ['CREATE,UPDATE namespaces'], undefined],
    ['pod-advice', ['CREATE pods'], undefined],
    ['protected-labels', [onNamespaces], undefined],
  ]);
  t.end();
});

t.test('no expression has more than the parser of the API server takes, for a policy of a hundred profiles', t => {
  const profiles = Array.from({ length: 100 }, (_, index) => ({ name: `${'p'.repeat(60)}${index}` }));
  for (const { spec } of objectsOf(backstopManifests(policyOf({ profiles }), 'n'), 'ValidatingAdmissionPolicy')) {
    for (const { expression } of spec?.variables ?? []) t.ok(expression.length < 100_000 && parse(expression));
    for (const { valueExpression } of spec?.auditAnnotations ?? []) t.ok(valueExpression.length < 5 * 1024);
  }
  const namespace = { name: 'shop', labels: { sandbox: 'unknown' } };
  const request = { resource: 'pods', operation: 'CREATE', object: podOf(), namespace } as const;
  const { message = '' } = createBackstop(policyOf({ profiles }))(request).failures[0] ?? {};
  t.match(message, /^UnknownProfile: /);
  t.ok(Buffer.byteLength(message) < 5 * 1024, 'nor is a message longer than it takes');
  t.end();
});
