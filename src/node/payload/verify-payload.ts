import { createHash } from 'node:crypto';
import { printable } from '../../policy/printable.ts';
import type { FileAttributes, FileStatus, HostFiles } from '../host/host-files.ts';
import { readFolderContent } from './own-files.ts';
import { isSidecar, SIDECAR_FOLDER } from './parts.ts';
import { releaseFolder } from './release-folder.ts';
import { readReleaseRecord, recordPathOf } from './release-record.ts';

/** Of programs and folders: runsc starts itself and its sidecars again as nobody (gvisor: user_guide/install.md). */
export const PROGRAM_ATTRIBUTES: FileAttributes = { mode: 0o755, uid: 0, gid: 0 };
/** Of the list of the parts. */
export const SUMS_ATTRIBUTES: FileAttributes = { mode: 0o644, uid: 0, gid: 0 };

const LONGEST_NAME = 120;

/** How a part on the host is not what it should be. Paths are relative to the release's folder; '' is the folder itself. */
export interface Difference {
  readonly path: string;
  readonly kind: 'missing' | 'changed' | 'attributes' | 'foreign';
  /** Without a full stop. */
  readonly sentence: string;
}

/**
 * Looks whether a release on the host is as it was installed. Reads every byte of it.
 *
 * @returns what is not, in sentences without a full stop; empty when all is well
 */
export async function verifyPayload(files: HostFiles, release: string): Promise<readonly string[]> {
  const folder = releaseFolder(release);
  if ((await files.status(folder))?.kind !== 'folder') return [`${folder} is not there`];
  const record = await readReleaseRecord(files, folder);
  if (record === undefined) return [`${recordPathOf(release)} is not there, or is damaged`];
  const { foreign } = await readFolderContent(files, folder);
  const found = [
    ...(await compareParts(files, folder, record.parts)),
    ...foreign.map(path => strangerAt(folder, path)),
  ];
  return found.map(({ sentence }) => sentence);
}

/**
 * Compares the parts of a release on the host with what they should be.
 *
 * @param sums SHA-512 by part
 */
export async function compareParts(
  files: HostFiles,
  folder: string,
  sums: ReadonlyMap<string, string>,
): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  const folders = [...sums.keys()].some(isSidecar) ? ['', SIDECAR_FOLDER] : [''];
  for (const path of folders) differences.push(...(await compareFolder(files, folder, path)));
  for (const [path, sha512] of sums) differences.push(...(await comparePart(files, { folder, path, sha512 })));
  return differences;
}

/** SHA-512 of a file of the host. */
export async function sha512OfFile(files: HostFiles, path: string): Promise<string> {
  const hash = createHash('sha512');
  for await (const piece of files.stream(path)) hash.update(piece);
  return hash.digest('hex');
}

async function compareFolder(files: HostFiles, folder: string, path: string): Promise<readonly Difference[]> {
  const place = path === '' ? folder : `${folder}/${path}`;
  const status = await files.status(place);
  if (status === undefined) return [{ path, kind: 'missing', sentence: `${place} is not there` }];
  if (status.kind !== 'folder') return [{ path, kind: 'changed', sentence: `${place} is no folder` }];
  return compareAttributes(place, path, status);
}

async function comparePart(
  files: HostFiles,
  { folder, path, sha512 }: { readonly folder: string; readonly path: string; readonly sha512: string },
): Promise<readonly Difference[]> {
  const place = `${folder}/${path}`;
  const status = await files.status(place);
  if (status === undefined) return [{ path, kind: 'missing', sentence: `${place} is not there` }];
  if (status.kind !== 'file') return [{ path, kind: 'changed', sentence: `${place} is no file` }];
  if ((await sha512OfFile(files, place)) !== sha512) {
    return [{ path, kind: 'changed', sentence: `${place} has another content than it was installed with` }];
  }
  return compareAttributes(place, path, status);
}

function compareAttributes(place: string, path: string, { mode, uid, gid }: FileStatus): readonly Difference[] {
  const wanted = PROGRAM_ATTRIBUTES;
  if (mode === wanted.mode && uid === wanted.uid && gid === wanted.gid) return [];
  const found = `mode ${mode.toString(8)} and owner ${uid}:${gid}`;
  const sentence = `${place} has ${found}, not ${wanted.mode.toString(8)} and ${wanted.uid}:${wanted.gid}`;
  return [{ path, kind: 'attributes', sentence }];
}

function strangerAt(folder: string, path: string): Difference {
  return { path, kind: 'foreign', sentence: `${folder}/${printable(path, LONGEST_NAME)} is not ours` };
}
