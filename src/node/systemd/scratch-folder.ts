import { dirname } from 'node:path/posix';
import { systemErrorCode } from '../../errors/user-error.ts';
import type { HostFiles } from '../host/host-files.ts';

const FOLDER_MODE = 0o755;

/**
 * Uses a folder that need not be there: what is missing is made, and what was made is removed again as far as it is
 * empty, so that a look at a host leaves nothing on it.
 */
export async function withFolder<Result>(files: HostFiles, path: string, use: () => Promise<Result>): Promise<Result> {
  const missing: string[] = [];
  for (let folder = path; (await files.status(folder)) === undefined; folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) await files.makeFolder(folder, FOLDER_MODE);
  try {
    return await use();
  } finally {
    for (const folder of missing.toReversed()) await removeIfEmpty(files, folder);
  }
}

/** Somebody else may use it by now. */
async function removeIfEmpty(files: HostFiles, folder: string): Promise<void> {
  try {
    await files.removeFolder(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}
