import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { NodeError } from '../../src/node/node-error.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import { PAYLOAD_LIMITS } from '../../src/node/payload/payload.ts';
import { removeRelease } from '../../src/node/payload/remove-release.ts';
import { verifyPayload } from '../../src/node/payload/verify-payload.ts';
import { archiveSource, folderSource, makeHost, type PayloadHost, refuse } from './payload-host.ts';
import {
  type ArchiveEntry,
  archiveOf,
  archivePin,
  currentParts,
  elfProgram,
  entriesOf,
  looseParts,
  partsPin,
  RELEASE,
  tarOf,
  writeFolder,
} from './payload-parts.ts';
import { treeOf } from './tree.ts';

const SOUND = entriesOf(currentParts());

/** Refuses an archive whose pin is right: what is in it has to be found bad by itself. */
async function refuseEntries(
  t: Tap,
  host: PayloadHost,
  entries: readonly ArchiveEntry[],
  expected: readonly [string, RegExp],
): Promise<void> {
  const archive = await archiveOf(entries);
  await refuse(t, host, { source: archiveSource(host, archive), pin: archivePin(archive) }, expected);
}
type Tap = Parameters<typeof makeHost>[0];

t.test('an archive that holds anything but a release is refused, and told what', async t => {
  const host = makeHost(t);
  const program = elfProgram('evil');
  const cases: readonly (readonly [string, ArchiveEntry['header'], RegExp])[] = [
    ['outside', { name: '../../etc/cron.d/x' }, /'\.\.\/\.\.\/etc\/cron\.d\/x' leads out of the archive/],
    ['outside by way of a folder', { name: 'gvisor-bin/../../x' }, /leads out of the archive/],
    ['absolute', { name: '/etc/passwd' }, /'\/etc\/passwd' has an absolute path/],
    ['device', { name: 'gvisor-bin/null', type: 'character-device' }, /is of the kind character-device/],
    ['block device', { name: 'gvisor-bin/disk', type: 'block-device' }, /is of the kind block-device/],
    ['FIFO', { name: 'gvisor-bin/pipe', type: 'fifo' }, /is of the kind fifo/],
    ['hard link', { name: 'gvisor-bin/x', type: 'link', linkname: '/etc/shadow' }, /is a hard link/],
    ['folder', { name: 'gvisor-bin/deep/', type: 'directory' }, /'gvisor-bin\/deep\/' is no folder of a release/],
    ['deep', { name: 'gvisor-bin/deep/program' }, /'gvisor-bin\/deep\/program' is no part of a release/],
    ['stranger', { name: 'README.md' }, /'README\.md' is no part of a release/],
    ['hidden', { name: 'gvisor-bin/.hidden' }, /is no part of a release/],
    ['empty name', { name: 'gvisor-bin/ ' }, /is no part of a release/],
    ['control characters', { name: 'runsc\u001b[2J' }, /'runsc\\u\{1b\}\[2J' is no part/],
    ['duplicate', { name: 'runsc' }, /'runsc' is there twice/],
    ['duplicate in disguise', { name: './runsc' }, /'runsc' is there twice/],
  ];
  for (const [what, header, sentence] of cases) {
    const hasBody = header.type === undefined;
    const entry = hasBody ? { header, body: program } : { header };
    t.comment(what);
    await refuseEntries(t, host, [...SOUND, entry], ['PayloadInvalid', sentence]);
    if (what === 'outside') await refuseEntries(t, host, [entry, ...SOUND], ['PayloadInvalid', sentence]);
  }
  const link: ArchiveEntry = { header: { name: 'gvisor-bin', type: 'symlink', linkname: '/etc' } };
  const through = [link, ...SOUND.slice(1)];
  await refuseEntries(t, host, through, ['PayloadInvalid', /'gvisor-bin' is a symbolic link/]);
  const many = Array.from({ length: 30 }, (_, index) => ({ header: { name: `file-${index}` }, body: program }));
  await refuseEntries(
    t,
    host,
    [...SOUND, ...many],
    ['PayloadInvalid', /'file-4' is no part of a release and 25 more$/],
  );
});

t.test('an archive that is too large, broken or goes on is refused', async t => {
  const host = makeHost(t);
  const tar = await tarOf(SOUND);
  const cases: readonly (readonly [Buffer, readonly [string, RegExp]])[] = [
    [Buffer.alloc(0), ['PayloadTruncated', /ends too early/]],
    [Buffer.from('<html>'), ['PayloadInvalid', /is no sound \.tar\.zstd: Unknown frame descriptor$/]],
    [zstdCompressSync(Buffer.from('no tar')), ['PayloadTruncated', /ends too early/]],
    [zstdCompressSync(Buffer.alloc(4096, 7)), ['PayloadInvalid', /is no sound \.tar\.zstd: Invalid tar/]],
    [zstdCompressSync(tar.subarray(0, -1024)), ['PayloadTruncated', /ends too early/]],
    [
      zstdCompressSync(Buffer.concat([tar, Buffer.from('more')])),
      ['PayloadInvalid', /is no sound .tar.zstd: Invalid EOF/],
    ],
    [Buffer.concat([zstdCompressSync(tar), Buffer.from('more')]), ['PayloadInvalid', /goes on after the end/]],
    [Buffer.concat([zstdCompressSync(tar), zstdCompressSync(tar)]), ['PayloadInvalid', /goes on after the end/]],
    [zstdCompressSync(Buffer.alloc(2048)), ['PayloadIncomplete', /lacks 'runsc', 'containerd-shim-runsc-v1'$/]],
  ];
  for (const [archive, expected] of cases) {
    await refuse(t, host, { source: archiveSource(host, archive), pin: archivePin(archive) }, expected);
  }
  const bomb = await archiveOf([...SOUND, { header: { name: 'gvisor-bin/bomb' }, body: Buffer.alloc(5_000_000) }]);
  const limits = { ...PAYLOAD_LIMITS, unpackedBytes: 1_000_000 };
  const request = { source: archiveSource(host, bomb), pin: archivePin(bomb), limits };
  await refuse(t, host, request, ['PayloadInvalid', /unpacks to more than 1000000 bytes/]);
  const huge = Buffer.from(tar);
  huge.write('77777777777\0', 512 + 124);
  sealHeader(huge.subarray(512, 1024));
  const swollen = zstdCompressSync(huge);
  const source = archiveSource(host, swollen);
  await refuse(t, host, { source, pin: archivePin(swollen) }, ['PayloadTruncated', /ends too early/]);
});

t.test('what is no program for the machine, and what is missing, is told', async t => {
  const host = makeHost(t);
  const parts = currentParts();
  const foreign = { ...parts, 'gvisor-bin/gvisor_sentry': elfProgram('arm', 'aarch64') };
  const sentence = /'gvisor-bin\/gvisor_sentry' is for aarch64, and this node is x86_64/;
  await refuseEntries(t, host, entriesOf(foreign), ['PayloadWrongArchitecture', sentence]);
  const page = { ...parts, runsc: Buffer.from('<html>404</html>') };
  await refuseEntries(t, host, entriesOf(page), ['PayloadInvalid', /'runsc' is no ELF program of 64 bits/]);
  const { runsc: _, 'gvisor-bin/checkpointgofer': __, ...fewer } = parts;
  await refuseEntries(t, host, entriesOf(fewer), [
    'PayloadIncomplete',
    /lacks 'runsc', 'gvisor-bin\/checkpointgofer'$/,
  ]);
  const future = { ...parts, 'gvisor-bin/sidecar-of-2027': elfProgram('new') };
  const archive = await archiveOf(entriesOf(future));
  await installPayload(host.files, { source: archiveSource(host, archive), pin: archivePin(archive) });
  t.strictSame(await verifyPayload(host.files, RELEASE), [], 'a sidecar that nobody knows yet is a part');
});

t.test('a folder that is not what its pin says is refused', async t => {
  const host = makeHost(t);
  const parts = currentParts();
  const source = folderSource(host, '/payload');
  const folder = `${host.imageRoot}/payload`;
  const request = { source, pin: partsPin(parts) };
  await refuse(t, host, { ...request, source: folderSource(host, '/empty') }, ['PayloadIncomplete', /lacks 'runsc'/]);
  const absent = { kind: 'folder', files: host.image, path: '/absent' } as const;
  await refuse(t, host, { ...request, source: absent }, ['PayloadUnavailable', /'\/absent' is not there/]);
  writeFolder(folder, parts);
  writeFileSync(`${folder}/gvisor-bin/gvisor_sentry`, elfProgram('another release'));
  await refuse(t, host, request, ['PayloadChecksumMismatch', /'gvisor-bin\/gvisor_sentry' has not the sha512/]);
  writeFolder(folder, parts);
  writeFolder(folder, { 'gvisor-bin/extra': elfProgram('x') });
  await refuse(t, host, request, ['PayloadChecksumMismatch', /'gvisor-bin\/extra' has no sha512 that is pinned/]);
  rmSync(`${folder}/gvisor-bin/extra`);
  rmSync(`${folder}/gvisor-bin/runsc-fd-parking`);
  await refuse(t, host, request, ['PayloadIncomplete', /lacks 'gvisor-bin\/runsc-fd-parking'/]);
  rmSync(`${folder}/gvisor-bin`, { recursive: true });
  await refuse(t, host, request, ['PayloadIncomplete', /lacks 'gvisor-bin\/gvisor_sentry'/]);
  symlinkSync('/elsewhere', `${folder}/gvisor-bin`);
  await refuse(t, host, request, ['PayloadInvalid', /'gvisor-bin' is no folder/]);
  rmSync(`${folder}/gvisor-bin`);
  rmSync(`${folder}/runsc`);
  symlinkSync('containerd-shim-runsc-v1', `${folder}/runsc`);
  await refuse(t, host, { source, pin: partsPin(looseParts()) }, ['PayloadInvalid', /'runsc' is a symbolic link/]);
});

t.test('no changed byte and no cut of an archive ever becomes a release', async t => {
  const host = makeHost(t);
  const archive = await archiveOf(SOUND);
  const pin = archivePin(archive);
  const before = treeOf(host.root);
  const position = fc.nat({ max: archive.length - 1 });
  const flipped = fc.tuple(position, fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
    const copy = Buffer.from(archive);
    copy.writeUInt8(copy.readUInt8(at) ^ mask, at);
    return copy;
  });
  const cut = position.map(length => archive.subarray(0, length));
  const longer = fc.uint8Array({ minLength: 1, maxLength: 20 }).map(tail => Buffer.concat([archive, tail]));
  await fc.assert(
    fc.asyncProperty(fc.oneof(flipped, cut, longer), async damaged => {
      const source = archiveSource(host, damaged);
      const error = await installPayload(host.files, { source, pin }).catch((thrown: unknown) => thrown);
      return error instanceof NodeError && error.reason === 'PayloadChecksumMismatch';
    }),
    { numRuns: 200 },
  );
  t.strictSame(treeOf(host.root), before);

  await fc.assert(
    fc.asyncProperty(cut, async damaged => {
      const request = { source: archiveSource(host, damaged), pin: archivePin(damaged) };
      const error = await installPayload(host.files, request).catch((thrown: unknown) => thrown);
      return error instanceof NodeError && error.reason === 'PayloadTruncated';
    }),
    { numRuns: 100 },
  );
  t.strictSame(treeOf(host.root), before, 'not even with a pin of the cut archive');

  await fc.assert(
    fc.asyncProperty(flipped, async damaged => {
      const request = { source: archiveSource(host, damaged), pin: archivePin(damaged) };
      const result = await installPayload(host.files, request).catch((thrown: unknown) => thrown);
      if (result instanceof NodeError) return treeOf(host.root).length === before.length;
      const faults = await verifyPayload(host.files, RELEASE);
      await removeRelease(host.files, RELEASE);
      rmSync(`${host.root}/opt/gvisor-injector`, { recursive: true });
      return faults.length === 0;
    }),
    { numRuns: 20 },
  );
});

/** Writes the checksum of a tar header that was changed: the sum of its bytes, with spaces for the checksum itself. */
function sealHeader(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}
