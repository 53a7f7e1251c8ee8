import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { HostFiles } from '../../src/node/host/host-files.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { NodeError } from '../../src/node/node-error.ts';
import { installPayload, type PayloadResult } from '../../src/node/payload/install-payload.ts';
import type { PayloadPin, PayloadSource } from '../../src/node/payload/payload.ts';
import { releaseFolder } from '../../src/node/payload/release-folder.ts';
import { archiveOf, archivePin, currentParts, entriesOf, RELEASE } from './payload-parts.ts';
import { rootOwned } from './root-owned.ts';
import { treeOf } from './tree.ts';

/** Where the release of the tests is on a host. */
export const FOLDER = releaseFolder(RELEASE);

/** A file system in memory that Linux has. */
const MEMORY = '/dev/shm';

/** A small host below a folder of the test, and a place for payloads beside it. */
export interface PayloadHost {
  readonly files: HostFiles;
  /** The host's root, a path of this machine. */
  readonly root: string;
  /** The files of this machine's own image. */
  readonly image: HostFiles;
  /** The image's root. */
  readonly imageRoot: string;
}

/** Makes an empty host. It is in memory where that can be: there are many, and each flushes every file to its disk. */
export function makeHost(t: Test): PayloadHost {
  const folder = canWrite(MEMORY) ? mkdtempSync(`${MEMORY}/gvisor-injector-test-`) : t.testdir();
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(`${folder}/host/opt`, { recursive: true });
  mkdirSync(`${folder}/image`);
  return {
    files: rootOwned(openHostFiles(`${folder}/host`)),
    root: `${folder}/host`,
    image: openHostFiles(`${folder}/image`),
    imageRoot: `${folder}/image`,
  };
}

/** The source of an archive, which it writes into the image. */
export function archiveSource({ image, imageRoot }: PayloadHost, archive: Buffer): PayloadSource {
  writeFileSync(`${imageRoot}/gvisor.tar.zstd`, archive);
  return { kind: 'archive', files: image, path: '/gvisor.tar.zstd' };
}

/** The source of a folder in the image. */
export function folderSource({ image, imageRoot }: PayloadHost, path: string): PayloadSource {
  mkdirSync(`${imageRoot}${path}`, { recursive: true });
  return { kind: 'folder', files: image, path };
}

/** Installs the release of the tests from an archive with all its parts. */
export async function installRelease(host: PayloadHost): Promise<PayloadResult> {
  const archive = await archiveOf(entriesOf(currentParts()));
  return await installPayload(host.files, { source: archiveSource(host, archive), pin: archivePin(archive) });
}

/** Installs what must not come to anything: the reason is this one, the sentence says so, and the host is as it was. */
export async function refuse(
  t: Test,
  host: PayloadHost,
  request: { readonly source: PayloadSource; readonly pin: PayloadPin },
  [reason, sentence]: readonly [string, RegExp],
): Promise<void> {
  const before = treeOf(host.root);
  try {
    await installPayload(host.files, request);
    t.fail(`installed, and ${reason} was expected`);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    t.equal(error.reason, reason, error.message);
    t.match(error.message, sentence);
    t.ok(error.hint !== undefined && error.hint !== '', 'a hint');
  }
  t.strictSame(treeOf(host.root), before, 'the host is as it was');
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
