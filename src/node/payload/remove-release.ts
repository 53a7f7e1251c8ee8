import { systemErrorCode } from '../../errors/user-error.ts';
import { RELEASES_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { readFolderContent } from './own-files.ts';
import { SIDECAR_FOLDER } from './parts.ts';
import { SUMS_NAME } from './payload.ts';
import { parseStagingName, releaseFolder, stagingFolder } from './release-folder.ts';
import { removeTree } from './staging.ts';
import { storageError } from './storage-error.ts';

/** What a removal left. */
export interface Removal {
  /** Paths of the host below the release's folder that are not ours, and stay. */
  readonly foreign: readonly string[];
}

/**
 * Removes a release from the host: what its list names, and the handlers' configurations that are as we wrote them. The
 * folder first gets a name that is no release's, so that an interrupted removal never looks like a release. Where
 * something is not ours, the folder gets its name back.
 *
 * @throws {NodeError} StorageFailed, TargetReadOnly; the next run finishes then
 */
export async function removeRelease(files: HostFiles, release: string): Promise<Removal> {
  try {
    return await removeAll(files, release);
  } catch (error) {
    throw await storageError(error, { files, path: releaseFolder(release), bytes: 0 });
  }
}

async function removeAll(files: HostFiles, release: string): Promise<Removal> {
  await removeTree(files, stagingFolder(release, 'partial'));
  await removeTree(files, stagingFolder(release, 'download'));
  const left = await finishRemoval(files, release);
  const folder = releaseFolder(release);
  if ((await files.status(folder))?.kind !== 'folder') return { foreign: left };
  // What a former removal could not take has the name back, so there is nothing in the way.
  await files.rename(folder, stagingFolder(release, 'removing'));
  await files.syncFolder(RELEASES_FOLDER);
  return { foreign: await finishRemoval(files, release) };
}

/**
 * Clears what interrupted runs left of any release: half filled folders, downloads, half removed releases.
 */
export async function sweepReleases(files: HostFiles): Promise<void> {
  for (const name of await files.list(RELEASES_FOLDER)) {
    const found = parseStagingName(name);
    if (found?.staging === 'removing') await finishRemoval(files, found.release);
    else if (found !== undefined) await removeTree(files, `${RELEASES_FOLDER}/${name}`);
  }
}

async function finishRemoval(files: HostFiles, release: string): Promise<readonly string[]> {
  const folder = stagingFolder(release, 'removing');
  if ((await files.status(folder))?.kind !== 'folder') return [];
  const { parts, configurations, foreign } = await readFolderContent(files, folder);
  for (const name of [...parts, ...configurations]) await files.removeFile(`${folder}/${name}`);
  await removeIfEmpty(files, `${folder}/${SIDECAR_FOLDER}`);
  // Last, as it says what is ours.
  await files.removeFile(`${folder}/${SUMS_NAME}`);
  if (foreign.length === 0) await files.removeFolder(folder);
  else await files.rename(folder, releaseFolder(release));
  await files.syncFolder(RELEASES_FOLDER);
  return foreign.map(name => `${releaseFolder(release)}/${name}`);
}

async function removeIfEmpty(files: HostFiles, folder: string): Promise<void> {
  try {
    await files.removeFolder(folder);
  } catch (error) {
    // Something is in it that is not ours, or it is no folder: both are told of as foreign.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}
