import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { parse } from 'yaml';
import { makeCertificates } from '../../certs/make-certificates.ts';
import { checkServingPair } from '../../src/certificates/serving-pair.ts';
import { KUSTOMIZE, WITH_KUSTOMIZE } from '../support/kustomize.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const DAY = 24 * 60 * 60 * 1000;
const FILES = ['ca.crt', 'kustomization.yaml', 'secret.yaml', 'tls.crt', 'tls.key'];

async function make(output: string, { args = [], now = NOW }: { args?: string[]; now?: Date } = {}): Promise<string> {
  const stdout = new PassThrough();
  const printed = text(stdout);
  await makeCertificates(['--output', output, ...args], { stdout, now });
  stdout.end();
  return await printed;
}

function readTree(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .map(path => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );
}

const read = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');
const base64 = (value = '') => Buffer.from(value).toString('base64');
const isForOwnerOnly = (folder: string, name: string) => (statSync(join(folder, name)).mode & 0o777) === 0o600;

t.test('npm run certs makes a pair for the Service, a Secret and a kustomization', async t => {
  const folder = join(t.testdir(), 'new', 'folder');
  const printed = await make(folder);
  t.strictSame(readdirSync(folder).toSorted(), FILES, 'nothing temporary is left');
  const [ca, certificate, key] = ['ca.crt', 'tls.crt', 'tls.key'].map(name => read(folder, name));
  const check = checkServingPair({ certificate: certificate ?? '', key: key ?? '', now: NOW });
  t.match(check, {
    kind: 'usable',
    pair: {
      notAfter: new Date(NOW.getTime() + 365 * DAY),
      subjectAltNames: [
        'DNS:gvisor-injector.gvisor-injector.svc',
        'DNS:localhost',
        'IP Address:127.0.0.1',
        'IP Address:0:0:0:0:0:0:0:1',
      ],
    },
  });
  t.ok(new X509Certificate(certificate ?? '').verify(new X509Certificate(ca ?? '').publicKey));
  t.strictSame(parse(read(folder, 'secret.yaml')), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'gvisor-injector-serving-certificate', namespace: 'gvisor-injector' },
    type: 'kubernetes.io/tls',
    data: { 'ca.crt': base64(ca), 'tls.crt': base64(certificate), 'tls.key': base64(key) },
  });
  t.ok(isForOwnerOnly(folder, 'tls.key'));
  t.ok(isForOwnerOnly(folder, 'secret.yaml'));
  const kustomization: unknown = parse(read(folder, 'kustomization.yaml'));
  t.match(kustomization, { kind: 'Kustomization', resources: [/manifests\/base$/, 'secret.yaml'] });
  t.match(printed, 'Made certificates for gvisor-injector.gvisor-injector.svc: there were none');
  t.match(printed, 'private key was thrown away');
  t.match(printed, 'valid until 2027-03-01T12:00:00.000Z');
  t.match(printed, /\nnext: .*kubectl apply -k .*new\/folder\n$/);
  t.notOk(printed.includes('PRIVATE'));
});

t.test('running it again keeps what still serves and puts the rest right', async t => {
  const folder = t.testdir();
  await make(folder);
  const before = readTree(folder);
  t.match(await make(folder, { args: ['--days', '30'] }), 'Kept the certificates for gvisor-injector');
  t.strictSame(readTree(folder), before);
  rmSync(join(folder, 'secret.yaml'));
  rmSync(join(folder, 'kustomization.yaml'));
  chmodSync(join(folder, 'tls.key'), 0o644);
  await make(folder);
  t.strictSame(readTree(folder), before, 'files made from the pair are made again');
  t.ok(isForOwnerOnly(folder, 'secret.yaml'));
  t.ok(isForOwnerOnly(folder, 'tls.key'));
});

t.test('a kustomization that was added to stays while it installs the same base', async t => {
  const folder = t.testdir();
  await make(folder);
  const path = join(folder, 'kustomization.yaml');
  const edited = `${read(folder, 'kustomization.yaml')}images:\n  - name: gvisor-injector\n    newTag: mine\n`;
  writeFileSync(path, edited);
  await make(folder);
  t.equal(read(folder, 'kustomization.yaml'), edited);
  await make(folder, { args: ['--namespace', 'sandboxes'] });
  t.match(parse(read(folder, 'kustomization.yaml')), { resources: ['base', 'secret.yaml'] });
});

t.test('certificates that do not serve are made anew, and it says why', async t => {
  const folder = t.testdir();
  const service = 'Made certificates for gvisor-injector.gvisor-injector.svc: ';
  const cases: readonly (readonly [string, () => void, { args?: string[]; now?: Date }?])[] = [
    ['a file was missing', () => rmSync(join(folder, 'tls.key'))],
    ['the private key is damaged or of an unknown kind', () => damage('tls.key')],
    ['certificate 1 of 1 in the certificate file is damaged', () => damage('tls.crt')],
    ['the certificate expired at 2027-03-01', () => {}, { now: new Date('2027-04-01T00:00:00Z') }],
    ['the old ones end at 2028-03-31', () => {}, { now: new Date('2028-03-30T00:00:00Z') }],
    ['--force was given', () => {}, { args: ['--force'] }],
  ];
  function damage(name: string): void {
    writeFileSync(join(folder, name), read(folder, name).replace(/[A-Za-z0-9]{20}/, 'A'));
  }
  await make(folder);
  for (const [reason, change, options] of cases) {
    const key = read(folder, 'tls.key');
    change();
    t.match(await make(folder, options), service + reason);
    t.not(read(folder, 'tls.key'), key);
    t.match(read(folder, 'secret.yaml'), base64(read(folder, 'tls.key')));
    // The next case begins with a pair that is valid at NOW or at the time of its own.
    if (options?.args !== undefined) continue;
    if (options?.now === undefined) t.match(await make(folder), 'Kept');
  }
});

t.test('an authority of another pair is made anew', async t => {
  const root = t.testdir();
  await make(join(root, 'a'));
  await make(join(root, 'b'));
  writeFileSync(join(root, 'a', 'ca.crt'), read(join(root, 'b'), 'ca.crt'));
  t.match(await make(join(root, 'a')), 'ca.crt is not the authority of tls.crt');
});

t.test('another namespace has its own name, Secret and base', async t => {
  const folder = t.testdir();
  await make(folder);
  const printed = await make(folder, { args: ['--namespace', 'sandboxes'] });
  t.match(printed, 'Made certificates for gvisor-injector.sandboxes.svc: the old ones were not for');
  t.match(parse(read(folder, 'secret.yaml')), { metadata: { namespace: 'sandboxes' } });
  t.match(parse(read(folder, 'base/service.yaml')), { metadata: { namespace: 'sandboxes' } });
  t.match(await make(folder, { args: ['-n', 'sandboxes'] }), 'Kept');
  await t.rejects(make(folder, { args: ['-n', 'Sandboxes!'] }), {
    code: 'BadUsage',
    message: /^--namespace must be/,
    hint: "Run 'npm run certs -- --help' for its flags",
  });
});

t.test("somebody else's files are refused, and nothing is changed, unless --force is given", async t => {
  const root = t.testdir();
  await make(join(root, 'ours'));
  const foreign: Readonly<Record<string, string>> = {
    'tls.key': 'theirs',
    'ca.crt': read(join(root, 'ours'), 'tls.crt'),
    'secret.yaml': 'kind: Secret',
    'kustomization.yaml': 'resources: [base, secret.yaml]',
  };
  for (const [name, content] of Object.entries(foreign)) {
    const folder = join(root, name);
    mkdirSync(folder);
    writeFileSync(join(folder, name), content);
    await t.rejects(make(folder), { code: 'WriteFailed', hint: /--force$/ }, name);
    t.strictSame(readTree(folder), { [name]: content });
    await make(folder, { args: ['--force'] });
    t.strictSame(readdirSync(folder).toSorted(), FILES);
  }
});

t.test('bad flags and a folder that cannot be written are told in a sentence', async t => {
  const root = t.testdir({ file: '' });
  await t.rejects(make(root, { args: ['--day', '1'] }), {
    code: 'BadUsage',
    message: "Unknown flag '--day'",
    hint: /'--days'\?.*npm run certs -- --help/,
  });
  await t.rejects(make(root, { args: ['--days', '0'] }), { code: 'BadUsage' });
  await t.rejects(make(join(root, 'file')), { code: 'WriteFailed', message: /EEXIST$/ });
  await t.rejects(make(join(root, 'file', 'below')), { code: 'WriteFailed', message: /ENOTDIR$/ });
  t.strictSame(readdirSync(root), ['file']);
});

t.test('--help begins with an example', async t => {
  t.match(await make('nowhere', { args: ['--help'] }), /^npm run certs && kubectl apply -k certs\/development\n/);
});

t.test('kustomize fills caBundle in every entry', WITH_KUSTOMIZE, async t => {
  const folder = t.testdir();
  for (const args of [[], ['--namespace', 'sandboxes']]) {
    await make(folder, { args });
    const built = execFileSync(KUSTOMIZE ?? '', ['build', folder]).toString();
    const webhooks = built.match(/^ {4}service:$/gm) ?? [];
    const bundles = built.match(/^ {4}caBundle: .*$/gm) ?? [];
    t.ok(webhooks.length > 0);
    t.equal(bundles.length, webhooks.length);
    const expected = `    caBundle: ${base64(read(folder, 'ca.crt'))}`;
    t.strictSame(new Set(bundles), new Set([expected]));
  }
});

t.test('node certs/make.ts ends with the exit code of the failure', async t => {
  const script = resolve(import.meta.dirname, '../../certs/make.ts');
  const { status, stderr } = spawnSync(process.execPath, [script, '--dayz', '1'], { encoding: 'utf8' });
  t.equal(status, 2);
  t.match(stderr, /^error: Unknown flag '--dayz'\nhint: /);
});
