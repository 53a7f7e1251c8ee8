import * as fc from 'fast-check';
import t from 'tap';
import type { LabelSelector, MutatingWebhook } from '../../src/kube/objects.ts';
import { entryName, webhookEntries } from '../../src/manifest/webhook-entries.ts';
import { admissionPath, admissionTargets, type Target } from '../../src/policy/admission-path.ts';
import { isJsonObject } from '../../src/policy/json.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { validatePolicy } from '../../src/policy/validate.ts';

const NAMESPACE = 'gvisor-injector';

function policyOf(fields: Record<string, unknown>): Policy {
  const { policy, faults } = validatePolicy(
    { apiVersion: 'gvisor-injector/v1alpha1', kind: 'SandboxPolicy', profiles: [{ name: 'gvisor' }], ...fields },
    NAMESPACE,
  );
  if (faults !== undefined) throw new TypeError(JSON.stringify(faults));
  return policy;
}

function entriesOf(policy: Policy): readonly MutatingWebhook[] {
  return webhookEntries({ policy, namespace: NAMESPACE });
}

/** Label selectors as apimachinery's pkg/labels/selector.go reads them. */
function selects(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  return (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    const isListed = value !== undefined && values.includes(value);
    if (operator === 'In') return isListed;
    if (operator === 'NotIn') return !isListed;
    throw new RangeError(`no entry uses the operator ${operator}`);
  });
}

/**
 * As much CEL as the conditions use: `!(…)`, `&&` from left to right, `has(path)`, `'key' in path`. A path that leads
 * nowhere is an error, as in CEL, where an error is a failed call.
 */
function evaluate(expression: string, object: unknown): boolean {
  const negated = /^!\((.*)\)$/.exec(expression)?.[1];
  if (negated !== undefined) return !evaluate(negated, object);
  return expression.split(' && ').every(term => evaluateTerm(term, object));
}

function evaluateTerm(term: string, object: unknown): boolean {
  const selected = /^has\(([\w.]+)\.(\w+)\)$/.exec(term);
  const contained = /^'([^']+)' in ([\w.]+)$/.exec(term);
  const key = selected?.[2] ?? contained?.[1];
  const holder = valueAt(selected?.[1] ?? contained?.[2] ?? '', object);
  if (key === undefined || !isJsonObject(holder)) throw new RangeError(`cannot evaluate ${term}`);
  return Object.hasOwn(holder, key);
}

function valueAt(path: string, object: unknown): unknown {
  const [root, ...keys] = path.split('.');
  if (root !== 'object') throw new RangeError(`no such variable in ${path}`);
  let value = object;
  for (const key of keys) {
    if (!isJsonObject(value) || !Object.hasOwn(value, key)) throw new RangeError(`no such key: ${path}`);
    value = value[key];
  }
  return value;
}

/** The entries that the API server would call for a Pod in a namespace (apiserver: pkg/admission/plugin/webhook/generic). */
function matching(policy: Policy, labels: Record<string, string>, pod: unknown): readonly string[] {
  return entriesOf(policy)
    .filter(
      ({ namespaceSelector, matchConditions = [] }) =>
        selects(namespaceSelector, labels) && matchConditions.every(({ expression }) => evaluate(expression, pod)),
    )
    .map(({ name }) => name);
}

/** The design's table, written independently of selectors. */
function expectedTarget(policy: Policy, labels: Record<string, string>, isAnnotated: boolean): Target | undefined {
  const { sandboxKey, profiles, exemptNamespaces } = policy;
  const names = profiles.map(({ name }) => name);
  const label = labels[sandboxKey];
  const audit = labels[`${sandboxKey}-audit`];
  if (exemptNamespaces.includes(labels['kubernetes.io/metadata.name'] ?? '')) return undefined;
  if (label !== undefined && names.includes(label)) {
    return { trigger: 'enforce', profile: label, optOut: labels[`${sandboxKey}-opt-out`] === 'allowed' };
  }
  if (isAnnotated) return { trigger: 'pod' };
  return audit !== undefined && names.includes(audit) ? { trigger: 'audit', profile: audit } : undefined;
}

const KEYS = ['sandbox', 'example.com/isolation'];
const NAMES = ['gvisor', 'strict', 'on', '0123'];

const policies = fc.record({
  sandboxKey: fc.constantFrom(...KEYS),
  exemptNamespaces: fc.subarray(['monitoring', 'storage']),
  profiles: fc
    .subarray(NAMES, { minLength: 1 })
    .map(names => names.map(name => ({ name, runtimeClassName: `class-${name}` }))),
});

const labelValues = fc.constantFrom(...NAMES, 'gviser', '', 'none', 'true');
const namespaceLabels = fc
  .record(
    Object.fromEntries(
      KEYS.flatMap(key => [
        [key, labelValues],
        [`${key}-audit`, labelValues],
        [`${key}-opt-out`, fc.constantFrom('allowed', 'Allowed', '', 'forbidden')],
      ]),
    ),
    { requiredKeys: [] },
  )
  .chain(labels =>
    fc
      .constantFrom(
        'shop',
        'monitoring',
        'storage',
        'kube-system',
        NAMESPACE,
        `${NAMESPACE}-node`,
        `${NAMESPACE}-proof`,
      )
      .map(name => ({ ...labels, 'kubernetes.io/metadata.name': name })),
  );

const metadata = fc.record(
  {
    annotations: fc.oneof(
      fc.constant({}),
      fc.record(Object.fromEntries([...KEYS, 'other'].map(key => [key, fc.string()])), { requiredKeys: [] }),
    ),
  },
  { requiredKeys: [] },
);
const pods = fc.record({ metadata, spec: fc.constant({}) }, { requiredKeys: [] });

t.test('for any namespace labels and annotations exactly the entry of the table matches', async t => {
  fc.assert(
    fc.property(policies, namespaceLabels, pods, (fields, labels, pod) => {
      const policy = policyOf(fields);
      const isAnnotated = Object.hasOwn(pod.metadata?.annotations ?? {}, policy.sandboxKey);
      const target = expectedTarget(policy, labels, isAnnotated);
      const names = matching(policy, labels, pod);
      return JSON.stringify(names) === JSON.stringify(target === undefined ? [] : [entryName(target)]);
    }),
    { numRuns: 1000 },
  );
  t.pass('1000 policies, namespaces and Pods');
});

t.test('an unlabelled namespace and a Pod without annotations match no entry', async t => {
  t.same(matching(policyOf({}), { 'kubernetes.io/metadata.name': 'shop' }, { metadata: {}, spec: {} }), []);
});

t.test('each entry has the path of its target and asks for the creation of Pods only', async t => {
  const policy = policyOf({ profiles: [{ name: 'gvisor' }, { name: 'strict' }] });
  const entries = entriesOf(policy);
  t.same(
    entries.map(({ name, clientConfig }) => [name, clientConfig.service?.path]),
    [
      ['enforce.gvisor.gvisor-injector.svc', '/mutate/enforce/gvisor'],
      ['enforce-opt-out.gvisor.gvisor-injector.svc', '/mutate/enforce/gvisor/opt-out'],
      ['audit.gvisor.gvisor-injector.svc', '/mutate/audit/gvisor'],
      ['enforce.strict.gvisor-injector.svc', '/mutate/enforce/strict'],
      ['enforce-opt-out.strict.gvisor-injector.svc', '/mutate/enforce/strict/opt-out'],
      ['audit.strict.gvisor-injector.svc', '/mutate/audit/strict'],
      ['pod.gvisor-injector.svc', '/mutate/pod'],
    ],
  );
  t.same(
    entries.map(({ clientConfig }) => clientConfig.service?.path),
    admissionTargets(policy.profiles).map(admissionPath),
  );
  for (const entry of entries) {
    t.match(
      entry,
      {
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { name: 'gvisor-injector', namespace: NAMESPACE, port: 443 } },
        matchPolicy: 'Equivalent',
        sideEffects: 'None',
        reinvocationPolicy: 'Never',
        timeoutSeconds: 5,
      },
      entry.name,
    );
    t.same(entry.rules, [
      { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' },
    ]);
    t.equal(entry.objectSelector, undefined, 'Pod authors choose their labels');
    t.equal('caBundle' in entry.clientConfig, false);
  }
});

t.test('names are qualified, unique and within the length of a DNS name for the longest profile', async t => {
  const profiles = ['a', 'b'].map(letter => ({ name: letter.repeat(63) }));
  const names = entriesOf(policyOf({ profiles })).map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  for (const name of names) t.match(name, /^(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){2,}$/);
});

t.test('entries that enforce follow the policy, and an audit never fails a Pod', async t => {
  for (const failurePolicy of ['Fail', 'Ignore']) {
    const entries = entriesOf(policyOf({ admission: { failurePolicy, timeoutSeconds: 3 } }));
    for (const { name, failurePolicy: actual, timeoutSeconds } of entries) {
      t.equal(actual, name.startsWith('audit.') ? 'Ignore' : failurePolicy, name);
      t.equal(timeoutSeconds, 3, name);
    }
  }
});

t.test('a CA bundle becomes base64 in every entry', async t => {
  const caBundle = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  for (const { clientConfig } of webhookEntries({ policy: policyOf({}), namespace: NAMESPACE, caBundle })) {
    t.equal(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString(), caBundle);
  }
});

t.test('one condition is the other negated, and both guard every access', async t => {
  const conditions = entriesOf(policyOf({ sandboxKey: 'example.com/sandbox' })).flatMap(
    ({ matchConditions = [] }) => matchConditions,
  );
  const isAnnotated =
    "has(object.metadata) && has(object.metadata.annotations) && 'example.com/sandbox' in object.metadata.annotations";
  t.same(conditions, [
    { name: 'pod-is-not-annotated', expression: `!(${isAnnotated})` },
    { name: 'pod-is-annotated', expression: isAnnotated },
  ]);
});
