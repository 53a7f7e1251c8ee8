import { chmod, mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode, UserError } from '../src/errors/user-error.ts';
import { writeWhole } from '../src/files/write-whole.ts';

/** A file of a folder, whole. */
export interface FileToWrite {
  readonly name: string;
  readonly text: string;
  /** True for a file with a private key: only its owner may read it. */
  readonly secret: boolean;
}

/** Makes sure that there is a folder. Returns its real path. @throws {UserError} WriteFailed */
export async function openFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    return await realpath(folder);
  } catch (cause) {
    throw writeFailed(folder, cause);
  }
}

/** The text of a file in a folder; undefined when there is no such file. @throws {UserError} FileUnreadable */
export async function readOptional(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw new UserError('FileUnreadable', `Cannot read '${path}': ${systemErrorCode(cause)}`, { cause });
  }
}

/**
 * Writes what is not there yet or has another text, in this order, each file whole or not at all. The mode of a secret
 * file is put right in any case.
 *
 * @returns the names of the files that were written
 * @throws {UserError} FileUnreadable or WriteFailed
 */
export async function writeChanged(folder: string, files: readonly FileToWrite[]): Promise<readonly string[]> {
  const written: string[] = [];
  for (const file of files) {
    if ((await readOptional(folder, file.name)) !== file.text) {
      await writeFile(folder, file);
      written.push(file.name);
    } else if (file.secret) {
      await chmod(join(folder, file.name), 0o600);
    }
  }
  return written;
}

async function writeFile(folder: string, { name, text, secret }: FileToWrite): Promise<void> {
  const path = join(folder, name);
  try {
    await writeWhole(path, text, secret ? 0o600 : 0o644);
  } catch (cause) {
    throw writeFailed(path, cause);
  }
}

function writeFailed(path: string, cause: unknown): UserError {
  return new UserError('WriteFailed', `Cannot write '${path}': ${systemErrorCode(cause)}`, {
    hint: 'Name a folder that can be written to with --output',
    cause,
  });
}
