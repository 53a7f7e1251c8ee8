import t from 'tap';
import { injectText } from '../../src/documents/inject-text.ts';
import { namespaceWarnings, podLabelWarning } from '../../src/documents/misplaced-keys.ts';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { readManifests } from '../../src/documents/read-manifests.ts';
import { UserError } from '../../src/errors/user-error.ts';
import { decide } from '../../src/policy/decide.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';

const { policy } = parsePolicyDocument(DEFAULT_POLICY_TEXT, { file: 'default', namespace: 'gvisor-injector' });

function faultsOf(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('no fault');
}

function inject(text: string) {
  return injectText(text, {
    file: 'x.yaml',
    ask: pod =>
      decide({ policy, pod, namespace: 'a', target: { trigger: 'enforce', profile: 'gvisor', optOut: false } }),
  });
}

t.test('readManifests() places every Pod at its object, with the names of the object', t => {
  const { pods } = readManifests(
    [
      '# comment',
      'apiVersion: v1',
      'kind: List',
      'items:',
      '- apiVersion: apps/v1',
      '  kind: Deployment',
      '  metadata: {name: web, namespace: team-a}',
      '  spec: {template: {metadata: {namespace: ignored}, spec: {}}}',
      '- {apiVersion: v1, kind: Pod, metadata: {generateName: job-}, spec: {}}',
      '---',
      'kind: Pod',
      'spec: {}',
    ].join('\n'),
    'a.yaml',
  );
  const file = 'a.yaml';
  t.strictSame(
    pods.map(({ place }) => place),
    [
      { file, line: 5, column: 3, kind: 'Deployment', namespace: 'team-a', name: 'web' },
      { file, line: 9, column: 3, kind: 'Pod', namespace: 'default', name: 'job-*' },
      { file, line: 11, column: 1, kind: 'Pod', namespace: 'default', name: '' },
    ],
  );
  t.end();
});

t.test('readManifests() leaves alone the kinds of other API groups', t => {
  const kinds = [
    ['batch.volcano.sh/v1alpha1', 'Job', 0],
    ['example.com/v1', 'Pod', 0],
    ['v1', 'Deployment', 0],
    ['apps/v1beta2', 'Deployment', 1],
    ['extensions/v1beta1', 'DaemonSet', 1],
  ] as const;
  for (const [apiVersion, kind, count] of kinds) {
    const { pods } = readManifests(JSON.stringify({ apiVersion, kind, spec: { template: { spec: {} } } }), 'x');
    t.equal(pods.length, count, `${apiVersion} ${kind}`);
  }
  t.end();
});

t.test('readManifests() lists every fault of an input at once, by line', t => {
  const cases: readonly (readonly [name: string, text: string, details: readonly string[], hint?: string])[] = [
    [
      'syntax in two documents',
      'a: [1\n---\nb: "x\n',
      [
        'x.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]',
        'x.yaml:4:1: Missing closing "quote',
      ],
    ],
    [
      'duplicate keys',
      'a: 1\nb:\n  c: 1\n  c: 2\na: 3\n',
      ['x.yaml:4:3: Map keys must be unique', 'x.yaml:5:1: Map keys must be unique'],
    ],
    ['duplicate keys in JSON', '{"a": {"b": 1, "b": 2}}', ['x.yaml:1:16: Map keys must be unique']],
    ['an alias without anchor', 'a: *b\n', ['x.yaml:1:4: alias *b has no anchor before it']],
    [
      'a template',
      'a: {{ .Values.a }}\n',
      ['x.yaml:1:5: With stringKeys, all keys must be strings'],
      'Render templates before they come here',
    ],
    [
      'JSON after JSON',
      '{"a": 1}\n{"b": 2}\n',
      ['x.yaml:2:1: more after the end of the document; write --- between two'],
    ],
    [
      'truncated JSON',
      '{"a": {"b": 1\n',
      ['x.yaml:2:1: Flow map in block collection must be sufficiently indented and end with a }'],
    ],
    ['binary data', 'a: b\0c', ['x.yaml:1:5: a control character; this is no text, or not in UTF-8']],
    [
      'a byte order mark inside',
      'a: 1\n---\n\ufeffkind: Pod\n',
      ['x.yaml:3:1: a byte order mark inside the file; remove it'],
    ],
    ['deep nesting of lists', `a: 1\n---\n${'['.repeat(100_000)}`, ['x.yaml:3:302: nested more than 300 levels deep']],
    ['deep nesting of block lists', '- '.repeat(100_000), ['x.yaml:1:603: nested more than 300 levels deep']],
    ['deep nesting of JSON', '{"a":'.repeat(100_000), ['x.yaml:1:1506: nested more than 300 levels deep']],
    ['deep nesting of keys', '? '.repeat(100_000), ['x.yaml:1:603: nested more than 300 levels deep']],
    [
      'Pods of a wrong shape',
      [
        'apiVersion: v1',
        'kind: Pod',
        'metadata:',
        '  name: a',
        '  annotations:',
        '    checksum: 0123e45',
        'spec: {}',
        '---',
        '{apiVersion: v1, kind: Pod, spec: []}',
        '---',
        'apiVersion: apps/v1',
        'kind: Deployment',
        'metadata: {name: b}',
        'spec:',
        '  template:',
        '    spec:',
        '      nodeSelector: disk=ssd',
        '---',
        'apiVersion: batch/v1',
        'kind: Job',
        'spec: {}',
      ].join('\n'),
      [
        'x.yaml:6:5: Pod/a: metadata.annotations["checksum"] must be a string, found a number; quote it',
        'x.yaml:9:35: Pod/(no name): spec must be an object, found an array',
        'x.yaml:17:21: Deployment/b: spec.template: spec.nodeSelector must be an object, found a string',
        'x.yaml:21:7: Job/(no name): spec.template: the Pod must be an object, found nothing',
      ],
    ],
  ];
  for (const [name, text, details, hint] of cases) {
    const fault = faultsOf(() => readManifests(text, 'x.yaml'));
    t.equal(fault.code, 'DocumentInvalid', name);
    t.strictSame(fault.details, details, name);
    t.equal(fault.hint, hint, name);
  }
  t.end();
});

t.test('readManifests() refuses aliases that multiply without end', t => {
  const levels = Array.from({ length: 12 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`);
  t.strictSame(faultsOf(() => readManifests(`a0: &a0 [x]\n${levels.join('\n')}\n`, 'x.yaml')).details, [
    'x.yaml:1:1: aliases that expand to too much',
  ]);
  t.strictSame(faultsOf(() => readManifests('kind: List\nitems: &a\n- kind: List\n  items: *a\n', 'x.yaml')).details, [
    'x.yaml:4:10: alias *a stands inside of what it repeats',
  ]);
  t.end();
});

t.test('readManifests() reads a document with many aliases', t => {
  const items = Array.from({ length: 500 }, () => '- {apiVersion: v1, kind: Pod, metadata: *m, spec: {}}').join('\n');
  t.equal(readManifests(`kind: List\nmetadata: &m {name: a}\nitems:\n${items}\n`, 'x.yaml').pods.length, 500);
  t.end();
});

t.test('injectText() refuses what it cannot write without changing something else, and names the Pods', t => {
  const cases = [
    [
      'a spec shared with another object',
      'x-spec: &s {containers: []}\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: *s\n',
      'x.yaml:1:1',
      'Pod/a',
    ],
    [
      'a nodeSelector from a merge key',
      'apiVersion: v1\nkind: Pod\nspec:\n  <<: {nodeSelector: {a: b}}\n',
      'x.yaml:1:1',
      'Pod/(no name)',
    ],
    [
      'a question mark without an answer',
      'apiVersion: v1\nkind: Pod\nspec:\n  ? nodeSelector\n',
      'x.yaml:1:1',
      'Pod/(no name)',
    ],
  ] as const;
  for (const [name, text, place, object] of cases) {
    const fault = faultsOf(() => inject(text));
    t.equal(fault.code, 'DocumentInvalid', name);
    t.strictSame(fault.details, [`${place}: ${object}: no place to insert without changing something else`], name);
    t.match(fault.hint, name.startsWith('a question') ? /plain YAML/ : /write the shared parts out/, name);
  }
  t.end();
});

t.test('misplaced keys are found on Namespaces and Pods, and the warning says which key to use', t => {
  const read = readManifests(
    [
      'apiVersion: v1',
      'kind: Namespace',
      'metadata:',
      '  name: a',
      '  annotations: {sandbox: gvisor, sandbox-opt-out: allowed}',
      '  labels: {sandbox: gvisr, sandbox-audit: gvisor}',
      '---',
      'apiVersion: v1',
      'kind: Namespace',
      'metadata: {name: b, labels: {sandbox: gvisor, sandbox-audit: none, sandbox-opt-out: "true"}}',
      '---',
      '{apiVersion: v1, kind: Namespace, metadata: {name: c, labels: {sandbox-opt-out: allowed}}}',
      '---',
      'apiVersion: v1',
      'kind: Pod',
      'metadata: {labels: {sandbox: gvisor}}',
      'spec: {}',
      '---',
      'apiVersion: v1',
      'kind: Pod',
      'metadata: {labels: {app: sandbox}}',
      'spec: {}',
    ].join('\n'),
    'x.yaml',
  );
  t.strictSame(
    namespaceWarnings(read, policy).map(({ place, message }) => `${place.line} ${place.name} ${message}`),
    [
      '1 a annotation "sandbox" does nothing on a Namespace; write it among metadata.labels',
      '1 a annotation "sandbox-opt-out" does nothing on a Namespace; write it among metadata.labels',
      '1 a label sandbox="gvisr" names no profile; did you mean "gvisor"? the profiles are gvisor',
      '8 b label sandbox-audit="none" names no profile; the profiles are gvisor',
      '8 b label sandbox-opt-out="true" does nothing; only "allowed" lets Pods opt out',
    ],
  );
  t.strictSame(
    read.pods.map(pod => podLabelWarning(pod, policy)),
    ['label "sandbox" does nothing on a Pod; write it among metadata.annotations', undefined],
  );
  t.end();
});
