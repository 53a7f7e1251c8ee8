import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Test } from 'tap';
import type { HostFiles } from '../../src/node/host/host-files.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { replaceFile } from '../../src/node/host/replace-file.ts';
import { NodeError } from '../../src/node/node-error.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import { verifyPayload } from '../../src/node/payload/verify-payload.ts';
import { REPOSITORY } from '../cluster/layout.ts';
import { runCommand } from '../cluster/run-command.ts';
import { elfProgram, partsPin, RELEASE, writeFolder } from '../node/payload-parts.ts';
import { treeOf } from '../node/tree.ts';
import { type OnMutation, withFaults } from '../node/with-faults.ts';

const MEBIBYTE = 1024 * 1024;
const NO_CAPABILITY = ['--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'] as const;
/** Two programs of a mebibyte each. */
const LARGE = {
  runsc: elfProgram('x'.repeat(MEBIBYTE)),
  'containerd-shim-runsc-v1': elfProgram('y'.repeat(MEBIBYTE)),
};

/** A host whose /opt is a small file system of its own. */
interface SmallHost {
  readonly root: string;
  readonly files: HostFiles;
  /** Mounts /opt again with other options. */
  readonly remount: (options: string) => Promise<void>;
}

/**
 * Files and payload on real small file systems: full, read-only, without execution; and owners, with and without the
 * capability to set them. Needs root; what it mounts is gone afterwards.
 */
export async function checkStorage(t: Test): Promise<void> {
  await t.test('a file system that is full, before or on the way', async t => await checkFull(t));
  await t.test('a file system that is read-only, before or on the way', async t => await checkReadOnly(t));
  await t.test('a file system that executes nothing', async t => await checkNoExecution(t));
  await t.test('owners are kept', async t => await checkOwners(t));
}

async function checkFull(t: Test): Promise<void> {
  await withSmallHost('size=1m', async host => {
    await refuse(t, host, host.files, 'TargetFull', /needs \d+ bytes, and its file system has \d+ free$/);
  });
  await withSmallHost('size=1536k', async host => {
    // It looks large enough, and another process fills it meanwhile.
    const before = await statfs(`${host.root}/opt`);
    const files = { ...withFaults(host.files, () => undefined), fileSystem: roomy(host.files) };
    await refuse(t, host, files, 'TargetFull', /needs 2307\d{3} bytes, and its file system has \d+ free$/);
    t.equal((await statfs(`${host.root}/opt`)).bfree, before.bfree, 'no block is kept');
  });
  await withSmallHost('size=8m,nr_inodes=6', async host => {
    await refuse(t, host, host.files, 'TargetFull', /takes no more, with \d+ free$/);
    await host.remount('nr_inodes=100');
    await completes(t, host);
  });
}

async function checkReadOnly(t: Test): Promise<void> {
  await withSmallHost('ro', async host => {
    t.match(await host.files.fileSystem('/opt'), { readOnly: true, noExecution: false });
    t.equal(await host.files.writable('/opt'), false, 'to root as well');
    await refuse(t, host, host.files, 'TargetReadOnly', /read-only/);
    await t.rejects(replaceFile(host.files, '/opt/x', 'x', { mode: 0o644, uid: 0, gid: 0 }), { code: 'EROFS' });
  });
  await withSmallHost('size=8m', async host => {
    await runCommand('mount', ['--bind', `${host.root}/opt`, `${host.root}/opt`]);
    await runCommand('mount', ['-o', 'remount,bind,ro', `${host.root}/opt`]);
    t.match(await host.files.fileSystem('/opt/not/there'), { readOnly: true }, 'the mount alone');
    await runCommand('umount', [`${host.root}/opt`]);
    t.match(await host.files.fileSystem('/opt'), { readOnly: false });
  });
  for (const call of [2, 6, 8]) {
    await withSmallHost('size=8m', async host => {
      const files = withFaults(
        host.files,
        once(call, async () => await host.remount('ro')),
      );
      const error = await install(files).catch((thrown: unknown) => thrown);
      t.match(error, { reason: 'TargetReadOnly' }, `read-only from call ${call} on`);
      await host.remount('rw');
      await completes(t, host);
    });
  }
}

async function checkNoExecution(t: Test): Promise<void> {
  await withSmallHost('noexec', async host => {
    t.match(await host.files.fileSystem('/opt'), { readOnly: false, noExecution: true });
    t.match(await host.files.fileSystem('/'), { noExecution: false }, 'the one around it is another');
    await refuse(t, host, host.files, 'TargetNotExecutable', /noexec/);
  });
}

async function checkOwners(t: Test): Promise<void> {
  await withSmallHost('size=8m', async ({ root, files }) => {
    const foreign = { mode: 0o640, uid: 1234, gid: 4321 };
    await replaceFile(files, '/opt/config', 'one', foreign);
    t.match(await files.status('/opt/config'), foreign);
    await replaceFile(files, '/opt/config', 'two', foreign);
    t.match(await files.status('/opt/config'), foreign, 'and again');
    await files.makeFolder('/opt/shared', 0o755);
    await files.setAttributes('/opt/shared', { mode: 0o2775, uid: 1234, gid: 4321 });
    await files.createFile('/opt/shared/own', Buffer.from('x'), { mode: 0o4755, uid: 0, gid: 0 });
    t.match(await files.status('/opt/shared/own'), { mode: 0o4755, uid: 0, gid: 0 }, 'not its folder’s group');
    await files.makeFolder('/opt/shared/folder', 0o755);
    t.match(await files.status('/opt/shared/folder'), { mode: 0o755 }, 'nor its folder’s bits');
    t.equal(await withoutCapabilities(root, { uid: 0, gid: 0 }), 'made', 'one’s own owner needs no capability');
    t.equal(await withoutCapabilities(root, { uid: 0, gid: 7 }), 'EPERM', 'another does');
    t.strictSame(await files.list('/opt'), ['config', 'made-0', 'shared'], 'what failed is not there');
  });
}

/** Makes a file as root without any capability, as an agent in a container may be. */
async function withoutCapabilities(
  root: string,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): Promise<string> {
  const module = pathToFileURL(join(REPOSITORY, 'src/node/host/local-host-files.ts')).href;
  const script = `
    const { openHostFiles } = await import(${JSON.stringify(module)});
    const attributes = ${JSON.stringify({ mode: 0o600, uid, gid })};
    await openHostFiles(${JSON.stringify(root)}).createFile('/opt/made-${gid}', Buffer.from('x'), attributes).then(
      () => console.log('made'),
      error => console.log(error.code),
    );`;
  const node = [process.execPath, '--input-type=module', '--eval', script];
  return (await runCommand('setpriv', [...NO_CAPABILITY, ...node])).trim();
}

async function withSmallHost(options: string, use: (host: SmallHost) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'gvisor-injector-storage-'));
  const place = `${root}/opt`;
  try {
    await mkdir(place);
    await runCommand('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', place]);
    try {
      const remount = async (other: string): Promise<void> =>
        void (await runCommand('mount', ['-o', `remount,${other}`, place]));
      await use({ root, files: openHostFiles(root), remount });
    } finally {
      await runCommand('umount', ['--recursive', place]);
    }
  } finally {
    await rm(root, { recursive: true });
  }
}

async function install(files: HostFiles): Promise<unknown> {
  const image = await mkdtemp(join(tmpdir(), 'gvisor-injector-image-'));
  try {
    writeFolder(image, LARGE);
    const source = { kind: 'folder', files: openHostFiles(image), path: '/' } as const;
    return await installPayload(files, { source, pin: partsPin(LARGE) });
  } finally {
    await rm(image, { recursive: true });
  }
}

/** Nothing comes of it, for this reason, and the host is as it was. */
async function refuse(t: Test, { root }: SmallHost, files: HostFiles, reason: string, sentence: RegExp): Promise<void> {
  const before = treeOf(root);
  const error = await install(files).catch((thrown: unknown) => thrown);
  t.type(error, NodeError);
  t.match(error, { reason, message: sentence });
  t.strictSame(treeOf(root), before, 'the host is as it was');
}

async function completes(t: Test, { files }: SmallHost): Promise<void> {
  t.match(await install(files), { outcome: 'installed' }, 'the next run completes');
  t.strictSame(await verifyPayload(files, RELEASE), []);
  t.strictSame(await files.list('/opt/gvisor-injector/releases'), [RELEASE]);
}

/** Says once that there is room for anything. */
function roomy(files: HostFiles): HostFiles['fileSystem'] {
  let calls = 0;
  return async path => {
    calls += 1;
    const facts = await files.fileSystem(path);
    return calls === 1 ? { ...facts, freeBytes: Number.MAX_SAFE_INTEGER } : facts;
  };
}

/** Does something before the call with this number. */
function once(number: number, action: () => Promise<void>): OnMutation {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls === number) await action();
  };
}
