import { dirname } from 'node:path/posix';
import { systemErrorCode } from '../../errors/user-error.ts';
import { CANDIDATE_FOLDER } from '../containerd/configuration.ts';
import { PAYLOAD_FOLDER, RELEASES_FOLDER, STATE_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { temporaryPathOf } from '../host/replace-file.ts';
import { type HostRecord, isEmptyRecord, RECORD_FILE, writeRecord } from './record.ts';

const FOLDER_MODE = 0o755;
/** Folders that carry our name, from the inside out: when they are empty they are ours to remove, whatever a record says. */
const OWN_FOLDERS = [
  RELEASES_FOLDER,
  PAYLOAD_FOLDER,
  CANDIDATE_FOLDER,
  `${STATE_FOLDER}/output`,
  STATE_FOLDER,
] as const;

/** Makes the folder of the record. */
export async function makeStateFolder(files: HostFiles): Promise<void> {
  await files.makeFolder(STATE_FOLDER, FOLDER_MODE);
}

/**
 * Makes a folder and those above it that are missing, each recorded before it is made.
 *
 * @returns the record, with what was made
 */
export async function ensureFolder(files: HostFiles, record: HostRecord, path: string): Promise<HostRecord> {
  const missing: string[] = [];
  for (let folder = path; (await files.status(folder)) === undefined; folder = dirname(folder)) missing.unshift(folder);
  if (missing.length === 0) return record;
  const foreign = missing.filter(
    folder => !OWN_FOLDERS.some(own => own === folder) && !record.folders.includes(folder),
  );
  const extended = { ...record, folders: [...record.folders, ...foreign] };
  if (foreign.length > 0) await writeRecord(files, extended);
  for (const folder of missing) {
    await files.makeFolder(folder, FOLDER_MODE);
    await files.syncFolder(dirname(folder));
  }
  return extended;
}

/**
 * Removes what is left of us when nothing of ours is on the host any more: the folders that we made, as far as they are
 * empty, and the record last.
 */
export async function removeTraces(files: HostFiles, record: HostRecord): Promise<void> {
  if (!isEmptyRecord({ ...record, folders: [] })) return;
  // Ours may be in one that we made, such as /opt; the record tells the next run of those until they are gone.
  for (const folder of [...OWN_FOLDERS, ...record.folders.toReversed()]) await removeIfEmpty(files, folder);
  for (const file of [RECORD_FILE, temporaryPathOf(RECORD_FILE)]) await files.removeFile(file);
  await removeIfEmpty(files, STATE_FOLDER);
}

async function removeIfEmpty(files: HostFiles, folder: string): Promise<void> {
  try {
    await files.removeFolder(folder);
  } catch (error) {
    // Not empty: somebody uses it. Busy, or in a read-only folder: a volume is mounted there in our own container. A link
    // is not ours.
    if (!['ENOTEMPTY', 'EEXIST', 'EBUSY', 'EROFS', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}
