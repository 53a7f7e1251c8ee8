import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { UserError } from '../../src/errors/user-error.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { nearest } from '../../src/policy/nearest.ts';
import { printable } from '../../src/policy/printable.ts';

const FOLDER = 'test/fixtures/faulty-policies';

function faultsOf(file: string): string {
  try {
    parsePolicyDocument(readFileSync(`${FOLDER}/${file}`, 'utf8'), { file, namespace: 'gvisor-injector' });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${[`${error.code}: ${error.message}`, ...error.details].join('\n')}\n`;
  }
  throw new Error(`${file} has no fault`);
}

t.test('every fault of a policy file is listed at once, with file, line, column and the nearest known key', t => {
  const files = readdirSync(FOLDER);
  const policies = files.filter(file => file.endsWith('.yaml'));
  for (const file of policies) {
    const expectedFile = `${FOLDER}/${file.replace('.yaml', '.expected.txt')}`;
    if (process.env['UPDATE_FIXTURES'] === '1') writeFileSync(expectedFile, faultsOf(file));
    t.equal(faultsOf(file), readFileSync(expectedFile, 'utf8'), file);
  }
  const unused = files.filter(
    file => !file.endsWith('.yaml') && !policies.includes(file.replace('.expected.txt', '.yaml')),
  );
  t.strictSame(unused, [], 'no expected file without a policy');
  t.end();
});

t.test('the default policy validates and has every default', t => {
  const { policy, digest, text } = parsePolicyDocument(DEFAULT_POLICY_TEXT, {
    file: 'default',
    namespace: 'gvisor-injector',
  });
  t.strictSame(policy, {
    sandboxKey: 'sandbox',
    incompatible: 'deny',
    exemptNamespaces: ['kube-system', 'gvisor-injector', 'gvisor-injector-node', 'gvisor-injector-proof'],
    admission: { timeoutSeconds: 5, failurePolicy: 'Fail' },
    profiles: [
      {
        name: 'gvisor',
        runtimeClassName: 'gvisor',
        handler: 'runsc',
        nodeSelector: { 'gvisor-injector/runsc': 'ready' },
        tolerations: [{ key: 'sandbox', operator: 'Equal', value: 'gvisor', effect: 'NoSchedule' }],
        overhead: {},
        runscFlags: {},
        allowedAnnotations: [],
        alternatives: [],
      },
    ],
  });
  t.match([digest, text], [/^[0-9a-f]{16}$/, DEFAULT_POLICY_TEXT]);
  t.end();
});

t.test('what a file says replaces the default, and values become what Kubernetes and runsc want', t => {
  const text = `apiVersion: gvisor-injector/v1alpha1
kind: SandboxPolicy
sandboxKey: example.com/isolation
exemptNamespaces: [monitoring, kube-system]
profiles:
  - name: strict
    handler: runsc-strict
    runscFlags: {net-raw: true, num-network-channels: 4, platform: kvm}
    overhead: {memory: 64Mi, cpu: 0.25}
  - name: plain
    nodeSelector: {}
    tolerations: []
`;
  const { policy } = parsePolicyDocument(text, { file: 'p.yaml', namespace: 'elsewhere' });
  t.strictSame(policy.exemptNamespaces, [
    'kube-system',
    'elsewhere',
    'elsewhere-node',
    'elsewhere-proof',
    'monitoring',
  ]);
  const [strict, plain] = policy.profiles;
  t.match(strict, {
    nodeSelector: { 'gvisor-injector/runsc-strict': 'ready' },
    tolerations: [{ key: 'example.com/isolation', value: 'strict' }],
    runscFlags: { 'net-raw': 'true', 'num-network-channels': '4', platform: 'kvm' },
    overhead: { memory: '64Mi', cpu: '0.25' },
  });
  t.strictSame([plain?.nodeSelector, plain?.tolerations], [{}, []]);
  t.end();
});

t.test('nearest() finds what a person meant and nothing that is far', t => {
  const known = ['gvisor', 'strict', 'incompatible'];
  for (const [word, wanted] of [
    ['gviser', 'gvisor'],
    ['GVISOR', 'gvisor'],
    ['gvisorr', 'gvisor'],
    ['stict', 'strict'],
    ['strcit', 'strict'],
    ['incompatable', 'incompatible'],
    ['kata', undefined],
    ['', undefined],
    ['x'.repeat(10_000), undefined],
  ] as const) {
    t.equal(nearest(word, known), wanted, word.slice(0, 20));
  }
  t.end();
});

t.test('printable() keeps text on one line, harmless and short', t => {
  for (const [text, maximum, wanted] of [
    ['plain', 10, 'plain'],
    ['naïve 😀', 10, 'naïve 😀'],
    ['a\nb\tc', 20, String.raw`a\u{a}b\u{9}c`],
    ['\u001b[31mred\u009b', 40, String.raw`\u{1b}[31mred\u{9b}`],
    ['a\u2028b\u202ec', 40, String.raw`a\u{2028}b\u{202e}c`],
    ['lone \ud800', 40, String.raw`lone \u{d800}`],
    ['0123456789', 10, '0123456789'],
    ['0123456789a', 10, '012345678…'],
    ['01234567😀😀', 10, '01234567…'],
    ['\n\n\n', 7, String.raw`\u{a}\…`],
  ] as const) {
    t.equal(printable(text, maximum), wanted, wanted);
  }
  t.end();
});
