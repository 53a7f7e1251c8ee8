import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { systemClock } from '../../src/certificates/clock.ts';
import type { HostFiles } from '../../src/node/host/host-files.ts';
import { installPayload, type PayloadRequest } from '../../src/node/payload/install-payload.ts';
import { parseMirror } from '../../src/node/payload/mirror-address.ts';
import { removeRelease } from '../../src/node/payload/remove-release.ts';
import { verifyPayload } from '../../src/node/payload/verify-payload.ts';
import { startMirrorServer } from './mirror-server.ts';
import { archiveSource, FOLDER, makeHost, type PayloadHost, refuse } from './payload-host.ts';
import {
  archiveOf,
  archivePin,
  currentParts,
  elfProgram,
  entriesOf,
  looseParts,
  partsPin,
  RELEASE,
} from './payload-parts.ts';
import { countCalls, failingCall, faultOf, type OnMutation, stopAt, Stopped, withFaults } from './with-faults.ts';
import { treeOf } from './tree.ts';

const ARCHIVE = await archiveOf(entriesOf(currentParts()));
const CODES = ['ENOSPC', 'EROFS', 'EIO', 'EACCES', 'EDQUOT'] as const;
const REASONS = {
  ENOSPC: 'TargetFull',
  EDQUOT: 'TargetFull',
  EROFS: 'TargetReadOnly',
  EIO: 'StorageFailed',
  EACCES: 'StorageFailed',
};
/** How it is interrupted: in words, the error if there is one, and the hook. */
type Way = readonly [string, (typeof CODES)[number] | undefined, OnMutation];

/** Something that is done to a host, and may be interrupted. */
interface Trial {
  readonly prepare: (host: PayloadHost) => Promise<void>;
  readonly run: (files: HostFiles, host: PayloadHost) => Promise<unknown>;
  /** It is done as a whole: after an error the host is as before, unless only the last flush failed. */
  readonly isAtomic: boolean;
  /** With each error at each call; else with one of them, in turn. */
  readonly isThorough?: boolean;
  /** What must hold of the host at any time. */
  readonly inspect: (t: Tap, host: PayloadHost) => Promise<void>;
}
type Tap = Parameters<typeof makeHost>[0];

/** Interrupts a trial at each of its calls, in each way; the next run must always come to the same end. */
async function interruptEverywhere(t: Tap, { prepare, run, isAtomic, isThorough, inspect }: Trial): Promise<void> {
  const host = makeHost(t);
  await prepare(host);
  const before = treeOf(host.root);
  const { calls, onMutation } = countCalls();
  await run(withFaults(host.files, onMutation), host);
  const after = treeOf(host.root);
  t.comment(`${calls.length} calls: ${calls.map(call => call.split(' ')[0]).join(' ')}`);
  for (const index of calls.keys()) {
    const number = index + 1;
    const turn = CODES[index % CODES.length] ?? 'EIO';
    const codes = isThorough === true ? CODES : [turn];
    const ways: readonly Way[] = [
      ...codes.map(code => [`${code} once`, code, failingCall(code, number, { always: false })] as const),
      // What is left is the same, and clearing up fails as well.
      index % 3 === 0
        ? [`${turn} from then on`, turn, failingCall(turn, number, { always: true })]
        : ['stopped', undefined, stopAt(number)],
    ];
    for (const [way, code, hook] of ways) {
      const trial = makeHost(t);
      await prepare(trial);
      const error = await run(withFaults(trial.files, hook), trial).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const what = `${way} at ${number}, ${calls[index]}`;
      if (error !== undefined && code !== undefined) t.match(error, { reason: REASONS[code] }, what);
      if (error !== undefined && code === undefined) t.type(error, Stopped, what);
      const left = treeOf(trial.root);
      if (way.endsWith('once') && isAtomic && error !== undefined) {
        t.strictSame(left, left.length === after.length ? after : before, `${what}: all or nothing`);
      }
      await inspect(t, trial);
      await run(trial.files, trial);
      t.strictSame(treeOf(trial.root), after, `${what}: the next run completes`);
    }
  }
}

/** A release is there whole, or not at all. */
async function inspectWhole(t: Tap, { files }: PayloadHost): Promise<void> {
  if ((await files.status(FOLDER)) === undefined) return;
  t.strictSame(await verifyPayload(files, RELEASE), []);
}

function requestFor(host: PayloadHost): PayloadRequest {
  return { source: archiveSource(host, ARCHIVE), pin: archivePin(ARCHIVE) };
}

async function install(files: HostFiles, host: PayloadHost): Promise<unknown> {
  return await installPayload(files, requestFor(host));
}

t.test('an install from an archive, interrupted at any call, leaves all or nothing', async t => {
  await interruptEverywhere(t, {
    prepare: removeOpt,
    run: install,
    isAtomic: true,
    isThorough: true,
    inspect: inspectWhole,
  });
});

t.test('an install from a mirror, interrupted at any call, leaves all or nothing', async t => {
  await using server = await startMirrorServer();
  const folder = `/release/${RELEASE}/x86_64`;
  for (const [name, content] of Object.entries(looseParts())) server.answers.set(`${folder}/${name}`, content);
  const base = parseMirror(server.origin);
  const source = { kind: 'mirror', base, authority: server.authority, clock: systemClock } as const;
  const run = async (files: HostFiles): Promise<unknown> =>
    await installPayload(files, { source, pin: partsPin(looseParts()) });
  await interruptEverywhere(t, { prepare: async () => undefined, run, isAtomic: true, inspect: inspectWhole });
});

t.test('a repair, interrupted at any call, leaves each part damaged or whole', async t => {
  await interruptEverywhere(t, { prepare: damaged, run: install, isAtomic: false, inspect: inspectParts });
});

t.test('a removal, interrupted at any call, leaves no half release under its name', async t => {
  await interruptEverywhere(t, { prepare: installed, run: remove, isAtomic: false, inspect: inspectWhole });
});

t.test('a removal that leaves what is not ours, interrupted at any call, leaves it in the end', async t => {
  await interruptEverywhere(t, { prepare: installedBesideMine, run: remove, isAtomic: false, inspect: inspectMine });
});

t.test('a place that cannot take the payload is refused before anything is written', async t => {
  const host = makeHost(t);
  const facts = { freeBytes: 100, readOnly: false, noExecution: false };
  const cases = [
    [facts, 'TargetFull', /needs \d{3,4} bytes, and its file system has 100 free$/],
    [{ ...facts, readOnly: true }, 'TargetReadOnly', /is on a file system that is read-only$/],
    [{ ...facts, noExecution: true }, 'TargetNotExecutable', /\(noexec\)$/],
  ] as const;
  for (const [found, reason, sentence] of cases) {
    const files = { ...withFaults(host.files, () => void t.fail('written')), fileSystem: async () => found };
    await refuse(t, { ...host, files }, requestFor(host), [reason, sentence]);
  }
});

t.test('a payload that cannot be read, or changes on the way, is not kept', async t => {
  const host = makeHost(t);
  const request = requestFor(host);
  const failing = {
    ...host.image,
    ...withFaults(host.image, () => undefined),
    async *stream(path: string): AsyncIterable<Uint8Array> {
      yield ARCHIVE.subarray(0, 100);
      throw faultOf('EIO', 'read', path);
    },
  };
  const source = { kind: 'archive', files: failing, path: '/gvisor.tar.zstd' } as const;
  await refuse(t, host, { ...request, source }, ['PayloadUnavailable', /cannot read '\/gvisor\.tar\.zstd': EIO$/]);

  const other = await archiveOf(entriesOf({ ...currentParts(), runsc: elfProgram('other') }));
  let reads = 0;
  const changing = {
    ...withFaults(host.image, () => undefined),
    async *stream(): AsyncIterable<Uint8Array> {
      reads += 1;
      yield reads > 2 ? other : ARCHIVE;
    },
  };
  const changed = { kind: 'archive', files: changing, path: '/gvisor.tar.zstd' } as const;
  await refuse(t, host, { ...request, source: changed }, [
    'PayloadChecksumMismatch',
    /'runsc' of '\/gvisor\.tar\.zstd' has/,
  ]);
});

async function removeOpt({ root }: PayloadHost): Promise<void> {
  rmSync(`${root}/opt`, { recursive: true });
}

async function installed(host: PayloadHost): Promise<void> {
  await install(host.files, host);
}

async function installedBesideMine(host: PayloadHost): Promise<void> {
  await install(host.files, host);
  writeFileSync(`${host.root}${FOLDER}/mine`, 'mine');
}

async function remove(files: HostFiles): Promise<unknown> {
  return await removeRelease(files, RELEASE);
}

async function damaged(host: PayloadHost): Promise<void> {
  await install(host.files, host);
  const folder = `${host.root}${FOLDER}`;
  writeFileSync(`${folder}/runsc`, 'overwritten');
  rmSync(`${folder}/gvisor-bin`, { recursive: true });
  rmSync(`${folder}/SHA512SUMS`);
  chmodSync(`${folder}/containerd-shim-runsc-v1`, 0o700);
}

async function inspectParts(t: Tap, { files }: PayloadHost): Promise<void> {
  const whole = currentParts();
  for (const [name, content] of Object.entries(whole)) {
    const found = await files.read(`${FOLDER}/${name}`);
    if (found !== undefined && String(found) !== 'overwritten') t.ok(found.equals(content), name);
  }
}

async function inspectMine(t: Tap, { root }: PayloadHost): Promise<void> {
  t.ok(
    treeOf(root).some(line => / \S*\/mine bWluZQ==$/.test(line)),
    'it is somewhere',
  );
}
