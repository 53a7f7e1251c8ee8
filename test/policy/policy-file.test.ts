import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { UserError } from '../../src/errors/user-error.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { nearest } from '../../src/policy/nearest.ts';
import { printable } from '../../src/policy/printable.ts';
import { validatePolicy } from '../../src/policy/validate.ts';

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
    admission: { timeoutSeconds: 5, failurePolicy: 'Ignore' },
    profiles: [
      {
        name: 'gvisor',
        runtimeClassName: 'gvisor',
        handler: 'runsc',
        nodeSelector: { 'gvisor-injector/runsc': 'ready' },
        tolerations: [{ key: 'sandbox', operator: 'Equal', value: 'gvisor', effect: 'NoSchedule' }],
        overhead: { cpu: '10m', memory: '32Mi' },
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
    overhead: {}
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
  t.strictSame([plain?.nodeSelector, plain?.tolerations, plain?.overhead], [{}, [], {}]);
  t.end();
});

/** The faults of a policy of one profile with these fields in place of its own. */
function faultsOfFields(fields: Readonly<Record<string, unknown>>): readonly string[] {
  const whole = { apiVersion: 'gvisor-injector/v1alpha1', kind: 'SandboxPolicy', profiles: [{ name: 'gvisor' }] };
  const { faults = [] } = validatePolicy({ ...whole, ...fields }, 'gvisor-injector');
  return faults.map(({ message }) => message);
}

t.test('a policy takes every name, key and value that Kubernetes and runsc take, and no other', t => {
  const long = 'x'.repeat(63);
  for (const [profile, isTaken] of [
    [{ name: 'a' }, true],
    [{ name: long }, true],
    [{ name: `${long}x` }, false],
    [{ name: 'gvisor_strict' }, false],
    [{ name: '-gvisor' }, false],
    [{ runtimeClassName: 'a.b' }, true],
    [{ runtimeClassName: 'gvisor.example-2.internal' }, true],
    [{ runtimeClassName: 'gvisor..internal' }, false],
    [{ runtimeClassName: `${`${long}.`.repeat(3)}${long.slice(2)}` }, true],
    [{ runtimeClassName: `${`${long}.`.repeat(3)}${long.slice(1)}` }, false],
    [{ nodeSelector: { 'a.b/c': 'Ready_1.0' } }, true],
    [{ nodeSelector: { 'pool.example-2.internal/Kind_1.0': '' } }, true],
    [{ nodeSelector: { '/pool': 'a' } }, false],
    [{ nodeSelector: { 'example.com/': 'a' } }, false],
    [{ nodeSelector: { pool: 'a-' } }, false],
    [{ nodeSelector: { pool: '-a' } }, false],
    [{ nodeSelector: { pool: `${long}x` } }, false],
    [{ tolerations: [{ operator: 'Exists' }] }, true],
    [{ tolerations: [{ key: 'pool', effect: 'PreferNoSchedule' }] }, true],
    [{ tolerations: [{ value: 'gvisor' }] }, false],
    [{ overhead: { memory: '1.5Gi', cpu: '250m', 'example.com/device': 1 } }, true],
    [{ overhead: { memory: '-64Mi' } }, false],
    [{ overhead: { memory: '64MiB' } }, false],
    [{ runscFlags: { debug: true, 'num-network-channels': 4 } }, true],
    [{ runscFlags: { net_raw: true } }, false],
    [{ allowedAnnotations: ['dev.gvisor.spec.mount.*', 'dev.gvisor.flag.debug'] }, true],
    [{ allowedAnnotations: ['dev.gvisor.flag.*.debug'] }, false],
    [{ allowedAnnotations: ['example.com/dev.gvisor.flag.debug'] }, false],
  ] as const) {
    const faults = faultsOfFields({ profiles: [{ name: 'gvisor', ...profile }] });
    t.equal(faults.length, isTaken ? 0 : 1, `${JSON.stringify(profile)} ${faults.join()}`);
  }
  for (const [timeoutSeconds, isTaken] of [
    [1, true],
    [30, true],
    [0, false],
    [31, false],
    [1.5, false],
  ] as const) {
    const faults = faultsOfFields({ admission: { timeoutSeconds } });
    t.equal(faults.length, isTaken ? 0 : 1, `timeoutSeconds: ${timeoutSeconds} ${faults.join()}`);
  }
  t.end();
});

t.test('nearest() finds what a person meant and nothing that is far', t => {
  const known = ['gvisor', 'strict', 'incompatible'];
  for (const [word, candidates, wanted] of [
    ['gviser', known, 'gvisor'],
    ['GVISOR', known, 'gvisor'],
    ['gvisorr', known, 'gvisor'],
    ['stict', known, 'strict'],
    ['strcit', known, 'strict'],
    ['incompatable', known, 'incompatible'],
    ['kata', known, undefined],
    ['', known, undefined],
    ['x'.repeat(10_000), known, undefined],
    // The nearest of several, the first of equals.
    ['gviso', ['gvisor', 'gvisor2'], 'gvisor'],
    ['gvisr2', ['gvisor', 'gvisor2'], 'gvisor2'],
    ['gvisor3', ['gvisor1', 'gvisor2'], 'gvisor1'],
    // A third of the longer word may differ, and no more; a letter at the end counts too.
    ['A', ['a'], 'a'],
    ['kat', ['kata'], 'kata'],
    ['katars', ['kata'], 'kata'],
    ['gvizer', ['gvisor'], 'gvisor'],
    ['gvizerr', ['gvisor'], undefined],
    // Two neighbours swapped are one difference; two other letters in their places are two.
    ['ktaa', ['kata'], 'kata'],
    ['kiza', ['kata'], undefined],
    ['ktza', ['kata'], undefined],
    ['kzaa', ['kata'], undefined],
    ['tszzct', ['strict'], undefined],
  ] as const) {
    t.equal(nearest(word, candidates), wanted, word.slice(0, 20));
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
    ['😀23456789ab', 10, '😀2345678…'],
    ['\n\n\n', 7, String.raw`\u{a}\…`],
  ] as const) {
    t.equal(printable(text, maximum), wanted, wanted);
  }
  t.end();
});
