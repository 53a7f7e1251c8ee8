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
  t.same(kindsOf(stdout), [
    'Namespace',
    'ResourceQuota',
    'ServiceAccount',
    'RuntimeClass',
    'ConfigMap',
    'Service',
    'Deployment',
    'PodDisruptionBudget',
    'NetworkPolicy',
    'MutatingWebhookConfiguration',
  ]);
  t.notMatch(stdout, /caBundle: /);
});

t.test('render takes a policy, a namespace and an image', async t => {
  const folder = t.testdir({ 'policy.yaml': `${POLICY}    runtimeClassName: sandboxed\n` });
  const { stdout } = await run(
    '-f',
    join(folder, 'policy.yaml'),
    '-n',
    'boxes',
    '--image',
    'registry.example/i@sha256:1',
  );
  t.match(stdout, 'name: sandboxed');
  t.match(stdout, 'namespace: boxes');
  t.match(stdout, 'image: registry.example/i@sha256:1');
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
  t.match(stderr, `Wrote 11 files to '${folder}'`);
  t.match(stderr, `kubectl apply -k ${folder}`);
  const names = await readdir(folder);
  const listed = await readFile(join(folder, 'kustomization.yaml'), 'utf8');
  for (const name of names) t.ok(name === 'kustomization.yaml' || listed.includes(`  - ${name}\n`), name);
  t.match((await run('--output', folder)).stderr, /^Wrote 0 files .*; 11 were the same/);
});

t.test('render refuses what it cannot do, with the way out', async t => {
  const folder = t.testdir({
    'ignore.yaml': POLICY.replace('profiles', 'admission: { failurePolicy: Ignore }\nprofiles'),
    file: '',
  });
  t.match(await refusal('-f', join(folder, 'ignore.yaml')), {
    code: 'RenderRefused',
    exitCode: EXIT_CODES.usage,
    message: /without a sandbox/,
    hint: /Fail/,
  });
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
