import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import t from 'tap';
import { sha256Of } from '../../src/node/host/sha256.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import { estimateBytes } from '../../src/node/payload/open-source.ts';
import { readLocalPin } from '../../src/node/payload/pin.ts';
import { stagingFolder } from '../../src/node/payload/release-folder.ts';
import { removeRelease } from '../../src/node/payload/remove-release.ts';
import { verifyPayload } from '../../src/node/payload/verify-payload.ts';
import {
  archiveSource,
  FOLDER,
  folderSource,
  installRelease,
  makeHost,
  type PayloadHost,
  refuse,
} from './payload-host.ts';
import {
  archiveOf,
  archivePin,
  currentParts,
  elfProgram,
  entriesOf,
  looseParts,
  partsPin,
  RELEASE,
  sha512,
  writeFolder,
} from './payload-parts.ts';
import { countCalls, withFaults } from './with-faults.ts';
import { treeOf } from './tree.ts';

t.test('an archive becomes a release whose parts everybody may run, with their list beside them', async t => {
  const host = makeHost(t);
  t.strictSame(await installRelease(host), { outcome: 'installed', repaired: [] });
  const folder = `${host.root}${FOLDER}`;
  for (const [name, content] of Object.entries(currentParts())) {
    t.ok(readFileSync(`${folder}/${name}`).equals(content), name);
    t.equal(statSync(`${folder}/${name}`).mode & 0o7777, 0o755, name);
  }
  t.equal(execFileSync('sha512sum', ['--check', '--strict', '--status', 'SHA512SUMS'], { cwd: folder }).length, 0);
  t.strictSame(await host.files.list('/opt/gvisor-injector/releases'), [RELEASE], 'nothing else is left');
  t.strictSame(await verifyPayload(host.files, RELEASE), []);
});

t.test('a release that is there is left alone, without a write', async t => {
  const host = makeHost(t);
  await installRelease(host);
  const calls = countCalls();
  const result = await installRelease({ ...host, files: withFaults(host.files, calls.onMutation) });
  t.strictSame(result, { outcome: 'present', repaired: [] });
  t.strictSame(calls.calls, []);
});

t.test('folders and loose files are payloads too, pinned part by part', async t => {
  for (const parts of [currentParts(), looseParts()]) {
    const host = makeHost(t);
    writeFolder(`${host.imageRoot}/payload`, parts);
    chmodSync(`${host.imageRoot}/payload/runsc`, 0o600);
    const sums = Object.entries(parts).map(([name, body]) => `${sha512(body).toUpperCase()} *./${name}\n`);
    writeFileSync(`${host.imageRoot}/payload/SHA512SUMS`, `# of the image\n\n${sums.join('')}`);
    const source = folderSource(host, '/payload');
    const pin = await readLocalPin(source, { release: RELEASE, architecture: 'x86_64' });
    t.match(await installPayload(host.files, { source, pin }), { outcome: 'installed' });
    t.strictSame(await verifyPayload(host.files, RELEASE), []);
    t.equal(statSync(`${host.root}${FOLDER}/runsc`).mode & 0o777, 0o755, 'whatever its mode was in the image');
    const bytes = Object.values(parts).reduce((sum, { length }) => sum + length, 0);
    t.equal(await estimateBytes(source), bytes);
    t.match(await installPayload(host.files, { source, pin }), { outcome: 'present' });
  }
});

t.test('an archive with a leading ./ is the same payload', async t => {
  const host = makeHost(t);
  const entries = entriesOf(currentParts()).map(({ header, ...rest }) => ({
    ...rest,
    header: { ...header, name: `./${header.name}` },
  }));
  const archive = await archiveOf([{ header: { name: './', type: 'directory' } }, ...entries]);
  const source = archiveSource(host, archive);
  writeFileSync(`${host.imageRoot}/gvisor.tar.zstd.sha512`, `${sha512(archive)}  gvisor.tar.zstd\n`);
  const pin = await readLocalPin(source, { release: RELEASE, architecture: 'x86_64' });
  t.match(await installPayload(host.files, { source, pin }), { outcome: 'installed' });
  t.equal(await estimateBytes(source), archive.length * 3);
});

t.test('verifyPayload() says which part is not as it was installed', async t => {
  const host = makeHost(t);
  t.match(await verifyPayload(host.files, RELEASE), [/is not there$/]);
  await installRelease(host);
  damage(host);
  writeFileSync(`${host.root}${FOLDER}/notes.txt`, 'mine');
  const configuration = 'root = "/run/x"\n';
  writeFileSync(`${host.root}${FOLDER}/runsc-${sha256Of(configuration).slice(0, 12)}.toml`, configuration);
  writeFileSync(`${host.root}${FOLDER}/runsc-0123456789ab.toml`, 'edited');
  t.strictSame(
    (await verifyPayload(host.files, RELEASE)).map(sentence => sentence.replace(`${FOLDER}/`, '')),
    [
      'containerd-shim-runsc-v1 has another content than it was installed with',
      'gvisor-bin/checkpointgofer is not there',
      `gvisor-bin/gvisor_sentry has mode 700 and owner 0:0, not 755 and 0:0`,
      'notes.txt is not ours',
      'runsc-0123456789ab.toml is not ours',
    ],
  );
  writeFileSync(`${host.root}${FOLDER}/SHA512SUMS`, 'nonsense');
  t.match(await verifyPayload(host.files, RELEASE), [/SHA512SUMS is not there, or is damaged$/]);
});

t.test('a damaged release gets back what it lost, and what runs from it keeps its file', async t => {
  const host = makeHost(t);
  await installRelease(host);
  const whole = treeOf(host.root);
  const inode = statSync(`${host.root}${FOLDER}/runsc`).ino;
  damage(host);
  const result = await installRelease(host);
  t.equal(result.outcome, 'repaired');
  t.strictSame(
    result.repaired.map(path => path.replace(`${FOLDER}/`, '')),
    ['containerd-shim-runsc-v1', 'gvisor-bin/checkpointgofer', 'gvisor-bin/gvisor_sentry'],
  );
  t.strictSame(treeOf(host.root), whole);
  t.equal(statSync(`${host.root}${FOLDER}/runsc`).ino, inode, 'a part that was sound is the same file');

  rmSync(`${host.root}${FOLDER}/gvisor-bin`, { recursive: true });
  rmSync(`${host.root}${FOLDER}/SHA512SUMS`);
  chmodSync(`${host.root}${FOLDER}`, 0o700);
  t.match(await installRelease(host), { outcome: 'repaired' });
  t.strictSame(treeOf(host.root), whole, 'a folder, the list and the mode of the folder');
});

t.test('a release in place is not replaced by another payload of its name', async t => {
  const host = makeHost(t);
  await installRelease(host);
  const archive = await archiveOf(entriesOf({ ...currentParts(), runsc: elfProgram('another build') }));
  const request = { source: archiveSource(host, archive), pin: archivePin(archive) };
  await refuse(t, host, request, ['PayloadChecksumMismatch', /holds another payload of the same release: its 'runsc'/]);
  writeFolder(`${host.imageRoot}/other`, looseParts());
  const loose = { source: folderSource(host, '/other'), pin: partsPin(looseParts()) };
  await refuse(t, host, loose, ['PayloadChecksumMismatch', /holds another payload of the same release/]);

  const elsewhere = { ...loose, pin: partsPin(currentParts(), { architecture: 'aarch64' }) };
  writeFolder(`${host.imageRoot}/other`, currentParts());
  await refuse(t, host, elsewhere, ['PayloadWrongArchitecture', /is for x86_64, and this node is aarch64/]);

  writeFolder(`${host.imageRoot}/same`, currentParts());
  const same = { source: folderSource(host, '/same'), pin: partsPin(currentParts()) };
  t.match(await installPayload(host.files, same), { outcome: 'present' }, 'the same parts from elsewhere');
});

t.test('what is no folder where one should be is not touched', async t => {
  const host = makeHost(t);
  await installRelease(host);
  rmSync(`${host.root}${FOLDER}/gvisor-bin`, { recursive: true });
  symlinkSync('/opt', `${host.root}${FOLDER}/gvisor-bin`);
  const archive = await archiveOf(entriesOf(currentParts()));
  const request = { source: archiveSource(host, archive), pin: archivePin(archive) };
  await refuse(t, host, request, ['StorageFailed', /gvisor-bin is no folder/]);
  rmSync(`${host.root}${FOLDER}`, { recursive: true });
  symlinkSync('/opt', `${host.root}${FOLDER}`);
  await refuse(t, host, request, ['StorageFailed', /20260914\.0 is no folder/]);
});

t.test('the payload may lie behind a link of the administrator', async t => {
  const host = makeHost(t);
  mkdirSync(`${host.root}/data`);
  symlinkSync('/data', `${host.root}/opt/gvisor-injector`);
  t.match(await installRelease(host), { outcome: 'installed' });
  t.ok(statSync(`${host.root}/data/releases/${RELEASE}/runsc`).isFile());
  await removeRelease(host.files, RELEASE);
  t.strictSame(await host.files.list('/data/releases'), []);
});

t.test('removeRelease() takes what is ours and leaves the rest where it is', async t => {
  const host = makeHost(t);
  await installRelease(host);
  const text = 'platform = "systrap"\n';
  const own = `runsc-${sha256Of(text).slice(0, 12)}.toml`;
  writeFileSync(`${host.root}${FOLDER}/${own}`, text);
  writeFileSync(`${host.root}${FOLDER}/.${own}.gvisor-injector`, 'half');
  writeFileSync(`${host.root}${FOLDER}/runsc-0123456789ab.toml`, 'edited');
  writeFileSync(`${host.root}${FOLDER}/gvisor-bin/mine`, 'mine');
  t.strictSame(await removeRelease(host.files, RELEASE), {
    foreign: [`${FOLDER}/runsc-0123456789ab.toml`, `${FOLDER}/gvisor-bin/mine`],
  });
  t.strictSame(await host.files.list(FOLDER), ['gvisor-bin', 'runsc-0123456789ab.toml']);
  t.strictSame(await host.files.list(`${FOLDER}/gvisor-bin`), ['mine']);
  t.match(await installRelease(host), { outcome: 'repaired' }, 'it can be installed again around them');
  rmSync(`${host.root}${FOLDER}/gvisor-bin/mine`);
  rmSync(`${host.root}${FOLDER}/runsc-0123456789ab.toml`);
  t.strictSame(await removeRelease(host.files, RELEASE), { foreign: [] });
  t.strictSame(await removeRelease(host.files, RELEASE), { foreign: [] }, 'twice is once');
  t.strictSame(await host.files.list('/opt/gvisor-injector/releases'), []);
  await t.rejects(removeRelease(host.files, '../../../etc'), TypeError, 'only a release is one');
});

t.test('releases lie side by side, and what interrupted runs left goes at the next', async t => {
  const host = makeHost(t);
  await installRelease(host);
  const parts = looseParts();
  writeFolder(`${host.imageRoot}/old`, parts);
  renameSync(`${host.root}${FOLDER}`, `${host.root}${stagingFolder(RELEASE, 'removing')}`);
  writeFolder(`${host.root}${stagingFolder('20260801.0', 'partial')}`, { 'gvisor-bin/half': Buffer.from('x') });
  writeFolder(`${host.root}${stagingFolder('20260801.0', 'download')}`, { 'gvisor.tar.zstd': Buffer.from('x') });
  writeFolder(`${host.root}${dirname(FOLDER)}/.somebodys.folder`, { file: Buffer.from('x') });
  const pin = partsPin(parts, { release: '20260817.0' });
  await installPayload(host.files, { source: folderSource(host, '/old'), pin });
  t.strictSame(await host.files.list('/opt/gvisor-injector/releases'), ['.somebodys.folder', '20260817.0']);
  await installRelease(host);
  t.strictSame(await verifyPayload(host.files, '20260817.0'), []);
  t.strictSame(await verifyPayload(host.files, RELEASE), []);
});

/** A part with another content, one that is gone, one that nobody may run. */
function damage({ root }: PayloadHost): void {
  writeFileSync(`${root}${FOLDER}/containerd-shim-runsc-v1`, 'overwritten');
  rmSync(`${root}${FOLDER}/gvisor-bin/checkpointgofer`);
  chmodSync(`${root}${FOLDER}/gvisor-bin/gvisor_sentry`, 0o700);
}
