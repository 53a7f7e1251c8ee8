import { basename, dirname, join } from 'node:path/posix';
import { systemErrorCode } from '../../errors/user-error.ts';
import type { FileAttributes, HostFiles } from './host-files.ts';

/** Ends the names of our temporary files: no `*.toml`, and nothing that systemd reads. */
const TEMPORARY_SUFFIX = '.gvisor-injector';

/**
 * Where {@link replaceFile} writes first. One name for each file, so that what an interrupted run left is known, and
 * is replaced by the next.
 */
export function temporaryPathOf(path: string): string {
  return join(dirname(path), `.${basename(path)}${TEMPORARY_SUFFIX}`);
}

/**
 * Writes a file whole or not at all: a temporary file beside it, flushed to disk, then renamed over it, and the folder
 * flushed. A link at the path stays, and what it points to is replaced.
 *
 * @throws {Error} the system's own error. The old file is there then, or the new one when only the last flush failed;
 *   the temporary file is gone, unless the system refuses that too
 */
export async function replaceFile(
  files: HostFiles,
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  attributes: FileAttributes,
): Promise<void> {
  const target = await files.resolve(path);
  const temporary = temporaryPathOf(target);
  await createAnew(files, temporary, typeof content === 'string' ? Buffer.from(content) : content, attributes);
  try {
    await files.rename(temporary, target);
  } catch (error) {
    await files.removeFile(temporary).catch(() => undefined);
    throw error;
  }
  await files.syncFolder(dirname(target));
}

async function createAnew(
  files: HostFiles,
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  attributes: FileAttributes,
): Promise<void> {
  try {
    await files.createFile(path, content, attributes);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    await files.removeFile(path);
    await files.createFile(path, content, attributes);
  }
}
