import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makePayloadContext } from '../../images/payload-context.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { openSource } from '../../src/node/payload/open-source.ts';
import { type Architecture, PAYLOAD_LIMITS } from '../../src/node/payload/payload.ts';
import { checkPin, readLocalPin } from '../../src/node/payload/pin.ts';
import { surveyPayload } from '../../src/node/payload/survey.ts';
import { archiveOf, currentParts, entriesOf, RELEASE, sha512, tarOf, writeFolder } from '../node/payload-parts.ts';

/** Only where it can be packed: the product itself never does. */
const HAS_BZIP2 = canRun('bzip2');

function canRun(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore', input: '' });
    return true;
  } catch {
    return false;
  }
}

async function make(path: string, folder: string, more: { sum?: string; architecture?: Architecture } = {}) {
  const { sum, architecture = 'x86_64' } = more;
  await makePayloadContext({ path, release: RELEASE, architecture, sum }, folder);
}

/** The node agent takes what lies in its image only if all of this passes. */
async function takeAsAgent(folder: string) {
  const source = { kind: 'folder', files: openHostFiles('/'), path: join(folder, 'payload', RELEASE) } as const;
  const pin = await readLocalPin(source, { release: RELEASE, architecture: 'x86_64' });
  checkPin(source, pin);
  const { what, read } = await openSource(source.files, { source, pin, limits: PAYLOAD_LIMITS, downloads: '' });
  return await surveyPayload(read(), { pin, what, maximumBytes: PAYLOAD_LIMITS.unpackedBytes });
}

t.test('archives of both kinds and a folder become the folder that the image has, for everybody to run', async t => {
  const parts = currentParts();
  const zstd = await archiveOf(entriesOf(parts));
  const inputs = t.testdir({ 'gvisor.tar.zstd': zstd, 'gvisor.tar': await tarOf(entriesOf(parts)), folder: {} });
  writeFolder(join(inputs, 'folder'), parts);
  const sums = Object.entries(parts).map(([name, body]) => `${sha512(body)}  ${name}\n`);
  writeFileSync(join(inputs, 'folder/SHA512SUMS'), sums.join(''));
  writeFileSync(join(inputs, 'gvisor.tar.zstd.sha512'), `${sha512(zstd)}  gvisor.tar.zstd\n`);
  const payloads = ['gvisor.tar.zstd', 'folder'];
  if (HAS_BZIP2) {
    execFileSync('bzip2', [join(inputs, 'gvisor.tar')]);
    const sum = sha512(readFileSync(join(inputs, 'gvisor.tar.bz2')));
    writeFileSync(join(inputs, 'gvisor.tar.bz2.sha512'), `${sum}  gvisor.tar.bz2\n`);
    payloads.push('gvisor.tar.bz2');
  }
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  for (const payload of payloads) {
    const folder = join(inputs, `context-of-${payload}`);
    await make(join(inputs, payload), folder);
    const found = await takeAsAgent(folder);
    t.same(Object.fromEntries(found.map(({ name, sha512: sum }) => [name, sum])), sumsOf(parts), payload);
    for (const name of [...Object.keys(parts), '', 'gvisor-bin']) {
      t.equal(statSync(join(folder, 'payload', RELEASE, name)).mode & 0o777, 0o755, `${payload}: ${name}`);
    }
    t.equal(statSync(join(folder, 'payload', RELEASE, 'SHA512SUMS')).mode & 0o777, 0o644, payload);
  }
});

function sumsOf(parts: Readonly<Record<string, Buffer>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parts).map(([name, body]) => [name, sha512(body)]));
}

t.test('what is not the release that was asked for makes no image', async t => {
  const parts = currentParts();
  const zstd = await archiveOf(entriesOf(parts));
  const other = await archiveOf(entriesOf(currentParts('aarch64')));
  const inputs = t.testdir({ 'gvisor.tar.zstd': zstd, 'other.tar.zstd': other, 'gvisor.tar.bz2': 'BZh' });
  const file = (name: string) => join(inputs, name);
  const folder = file('context');
  await t.rejects(make(file('gvisor.tar.zstd'), folder), { message: /^PayloadUnavailable: / }, 'no sum anywhere');
  const wrong = { sum: '0'.repeat(128) };
  await t.rejects(make(file('gvisor.tar.zstd'), folder, wrong), { message: /^PayloadChecksumMismatch: / });
  await t.rejects(make(file('other.tar.zstd'), folder, { sum: sha512(other) }), {
    message: /^PayloadWrongArchitecture: /,
  });
  await t.rejects(make(file('gvisor.tar.bz2'), folder, wrong), { message: /^PayloadChecksumMismatch: / });
  await t.rejects(make(file('gvisor.tar.bz2'), folder), { code: 'FileUnreadable' }, 'no sum of a .tar.bz2');
  const broken = { sum: sha512(Buffer.from('BZh')) };
  await t.rejects(make(file('gvisor.tar.bz2'), folder, broken), { code: 'FileUnreadable', message: /Cannot unpack/ });
  await t.rejects(make(file('none'), folder, wrong), { code: 'FileUnreadable', message: /There is no payload at/ });
  await t.rejects(make(file('gvisor.tar.zstd'), folder, { sum: file('none') }), { code: 'FileUnreadable' });
  t.notOk(readdirSync(inputs).includes('context'), 'nothing was written');
});
