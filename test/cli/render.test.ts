import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';
import type { CommandIO } from '../../src/cli/command.ts';
import { render } from '../../src/cli/render.ts';
import { EXIT_CODES, UserError } from '../../src/errors/user-error.ts';

const POLICY = 'apiVersion: gvisor-injector/v1alpha1\nkind: SandboxPolicy\nprofiles:\n  - name: gvisor\n';

async function run(...args: readonly string[]) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const io: CommandIO = {
    stdin,
    stdout,
    stdoutDescriptor: undefined,
    stderr,
    colour: false,
    environment: {},
    program: ['node', 'main.ts'],
    signal: new AbortController().signal,
  };
  const code = await render.run(args, io);
  for (const stream of [stdout, stderr]) stream.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

async function refusal(...args: readonly string[]): Promise<UserError> {
  try {
    await run(...args);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new RangeError('it was rendered');
}

function kindsOf(stream: string): readonly unknown[] {
  return parseAllDocuments(stream).map(document => document.get('kind'));
}

t.test('render prints every object of the default policy as one stream, the webhook configuration last', async t => {
  const { code, stdout, stderr } = await run();
  t.equal(code, EXIT_CODES.done);
  t.equal(stderr, '');
  const kinds = kindsOf(stdout);
  t.ok(kinds.includes('ValidatingAdmissionPolicy'), 'the backstop is among them');
  t.equal(kinds.at(-1), 'MutatingWebhookConfiguration');
  for (const kind of ['Deployment', 'DaemonSet', 'RuntimeClass', 'ConfigMap', 'Role', 'NetworkPolicy']) {
    t.ok(kinds.includes(kind), kind);
  }
  const first = kinds.findIndex(kind => kind !== 'Namespace');
  t.ok(first > 0, 'a namespace is there before anything in it');
  t.notMatch(stdout, /caBundle: /);
});

t.test('render takes a policy, a namespace and the images', async t => {
  const folder = t.testdir({ 'policy.yaml': `${POLICY}    runtimeClassName: sandboxed\n` });
  const { stdout } = await run(
    '-f',
    join(folder, 'policy.yaml'),
    '-n',
    'boxes',
    '--image',
    'registry.example/i@sha256:1',
    '--node-image',
    'registry.example/n:2',
  );
  t.match(stdout, 'name: sandboxed');
  t.match(stdout, 'namespace: boxes');
  t.match(stdout, 'image: registry.example/i@sha256:1');
  t.match(stdout, 'image: registry.example/n:2');
  t.match(await refusal('--node-image', ' '), { code: 'BadUsage', message: /--node-image must be an image reference/ });
});

t.test('render --ca-bundle puts the certificates of the file into every entry, and nothing else of it', async t => {
  const now = new Date();
  const { ca, serving } = await makeDevelopmentCertificates({ now, days: 1, dnsNames: ['a.example'] });
  const folder = t.testdir({
    'ca.crt': `a remark\n${ca}${ca}`,
    'with-key.pem': `${ca}${serving.key}`,
    'no-certificate.pem': 'a remark\n',
    'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  });
  const { stdout } = await run('--ca-bundle', join(folder, 'ca.crt'));
  const bundles = [...stdout.matchAll(/^ {6}caBundle: (\S+)$/gm)].map(([, bundle = '']) => bundle);
  t.equal(bundles.length, 4);
  for (const bundle of bundles) {
    t.equal(Buffer.from(bundle, 'base64').toString().replaceAll(/\s/g, ''), `${ca}${ca}`.replaceAll(/\s/g, ''));
  }
  for (const [file, message] of [
    ['with-key.pem', /holds a private key/],
    ['no-certificate.pem', /holds no PEM certificate/],
    ['broken.pem', /certificate number 1 cannot be read/],
  ] as const) {
    const error = await refusal('--ca-bundle', join(folder, file));
    t.equal(error.code, 'CertificateUnusable', file);
    t.match(error.message, message, file);
    t.notMatch(error.message, /BEGIN/, file);
  }
  t.match(await refusal('--ca-bundle', join(folder, 'none')), { code: 'FileUnreadable', message: /ENOENT/ });
});

t.test('render --output writes a kustomize base and says what to do next', async t => {
  const folder = join(t.testdir({}), 'deep', 'base');
  const { code, stdout, stderr } = await run('--output', folder);
  t.equal(code, EXIT_CODES.done);
  t.equal(stdout, '');
  const names = await readdir(folder);
  t.match(stderr, `Wrote ${names.length} files to '${folder}'`);
  t.match(stderr, `kubectl apply -k ${folder}`);
  const listed = await readFile(join(folder, 'kustomization.yaml'), 'utf8');
  for (const name of names) t.ok(name === 'kustomization.yaml' || listed.includes(`  - ${name}\n`), name);
  t.match((await run('--output', folder)).stderr, `Wrote 0 files to '${folder}'; ${names.length} were the same`);
});

t.test('render refuses what it cannot do, with the way out', async t => {
  const folder = t.testdir({ file: '' });
  t.match(await refusal('-f', join(folder, 'none.yaml')), { code: 'FileUnreadable' });
  t.match(await refusal('--output', join(folder, 'file')), { code: 'WriteFailed', exitCode: EXIT_CODES.failed });
  for (const namespace of ['default', 'kube-system', 'Upper', 'a'.repeat(58), '-x']) {
    t.match(await refusal(`--namespace=${namespace}`), { code: 'BadUsage', message: namespace });
  }
  t.match(await refusal('--image', 'a b'), { code: 'BadUsage', message: /image reference/ });
  t.match(await refusal('--imag', 'x'), { code: 'BadUsage', hint: /--image/ });
});

t.test('the help of render begins with an example', async t => {
  t.match(render.help, /^gvisor-injector render /);
});
