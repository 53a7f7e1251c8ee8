import fc from 'fast-check';
import t from 'tap';
import { judgeProgram } from '../../src/node/payload/elf.ts';
import { ARCHIVE_NAME } from '../../src/node/payload/payload.ts';
import { parsePin, readLocalPin } from '../../src/node/payload/pin.ts';
import { isReleaseName, parseStagingName, stagingFolder } from '../../src/node/payload/release-folder.ts';
import { formatSums, parseSums } from '../../src/node/payload/sums.ts';
import { archiveSource, folderSource, makeHost, refuse } from './payload-host.ts';
import { elfProgram, RELEASE } from './payload-parts.ts';

const SUM = 'ab'.repeat(64);

t.test('a pin says which bytes a payload has, or is none', async t => {
  const host = makeHost(t);
  const base = { release: RELEASE, architecture: 'x86_64', what: "'--sha512'" } as const;
  const archiveSums = new Map([[ARCHIVE_NAME, SUM]]);
  t.strictSame(
    parsePin({ ...base, text: ` ${SUM.toUpperCase()}\n` }).sums,
    archiveSums,
    'digits alone are the archive',
  );
  t.strictSame(parsePin({ ...base, text: `${SUM}  ${ARCHIVE_NAME}\n` }).sums, archiveSums);
  t.throws(() => parsePin({ ...base, text: '\n# nothing\n' }), { message: /'--sha512' has no sum/ });
  t.throws(() => parsePin({ ...base, text: `${SUM}  runsc\nab  x\n` }), { message: /'--sha512' line 2: expected 128/ });
  t.throws(() => parsePin({ ...base, text: `${SUM}  runsc\n${SUM}  ./runsc\n` }), {
    message: /line 2: 'runsc' is there twice/,
  });
  t.throws(() => parsePin({ ...base, text: `${SUM}  ../runsc\n` }), { message: /'\.\.\/runsc', which is no part/ });
  for (const release of ['', '.', '..', 'a/b', '../x', '.x', 'a b', 'x'.repeat(101), 'a\n']) {
    t.throws(() => parsePin({ ...base, release, text: SUM }), { code: 'BadUsage' }, JSON.stringify(release));
  }
  const folder = folderSource(host, '/payload');
  await t.rejects(readLocalPin(folder, base), { reason: 'PayloadUnavailable', message: /SHA512SUMS' is not there/ });
  const pin = parsePin({ ...base, text: SUM });
  await refuse(t, host, { source: folder, pin }, ['PayloadInvalid', /needs a sum of each part, as a folder is given/]);
  const parts = {
    ...pin,
    sums: new Map([
      ['runsc', SUM],
      ['containerd-shim-runsc-v1', SUM],
    ]),
  };
  const archive = archiveSource(host, Buffer.from('x'));
  await refuse(t, host, { source: archive, pin: parts }, ['PayloadInvalid', /has no sum of gvisor\.tar\.zstd/]);
  await refuse(t, host, { source: archive, pin: { ...pin, sums: new Map() } }, ['PayloadInvalid', /no sum of/]);
});

t.test('sums and staging names survive being written and read', t => {
  const name = fc.constantFrom('runsc', 'containerd-shim-runsc-v1', 'gvisor-bin/gvisor_sentry', 'gvisor-bin/a.b-c');
  const sums = fc.uniqueArray(fc.tuple(name, fc.stringMatching(/^[0-9a-f]{128}$/)), { selector: ([key]) => key });
  fc.assert(
    fc.property(sums, pairs => {
      const written = new Map(pairs.toSorted(([left], [right]) => (left < right ? -1 : 1)));
      t.strictSame([...parseSums(formatSums(new Map(pairs)), 'x')], [...written]);
    }),
    { numRuns: 30 },
  );
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('partial', 'download', 'removing'), (release, staging) => {
      if (!isReleaseName(release)) return release === '' || parseStagingName(`.${release}.${staging}`) === undefined;
      const folder = stagingFolder(release, staging).split('/').at(-1) ?? '';
      const found = parseStagingName(folder);
      return !isReleaseName(folder) && found?.release === release && found.staging === staging;
    }),
  );
  t.end();
});

t.test('a program is judged by its header', t => {
  const header = elfProgram('').subarray(0, 20);
  t.equal(judgeProgram(header, 'x86_64'), undefined);
  t.match(judgeProgram(header.subarray(0, 19), 'x86_64'), { reason: 'PayloadInvalid' });
  const changes: readonly (readonly [number, number, string])[] = [
    [0, 0x7e, 'PayloadInvalid'],
    [4, 1, 'PayloadInvalid'],
    [5, 2, 'PayloadInvalid'],
    [16, 1, 'PayloadInvalid'],
    [18, 3, 'PayloadWrongArchitecture'],
  ];
  for (const [offset, value, reason] of changes) {
    const changed = Buffer.from(header);
    changed[offset] = value;
    t.match(judgeProgram(changed, 'x86_64'), { reason }, `byte ${offset}`);
  }
  t.end();
});
