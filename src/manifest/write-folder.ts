import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode, UserError } from '../errors/user-error.ts';
import { writeWhole } from '../files/write-whole.ts';
import { type ManifestFile, RENDERED_MARK } from './manifest-folder.ts';

/** What became of a folder: names of files, in the order in which they were looked at. */
export interface FolderChange {
  readonly written: readonly string[];
  readonly unchanged: readonly string[];
  /** Files of a former rendering that this one does not have. */
  readonly removed: readonly string[];
}

/**
 * Makes a folder hold these files: each is written whole or not at all, what is the same already is not touched, and
 * what a former rendering left is removed. Files that no rendering made stay.
 *
 * @throws {UserError} WriteFailed when a file of that name is somebody else's (then nothing was changed), or when the
 *   file system refuses
 */
export async function writeFolder(folder: string, files: readonly ManifestFile[]): Promise<FolderChange> {
  try {
    await mkdir(folder, { recursive: true });
    const present = await readPresent(folder);
    refuseForeign(folder, files, present);
    const changed = files.filter(({ name, text }) => present.get(name) !== text);
    const leftovers = [...present].filter(
      ([name, text]) => isRendered(text) && !files.some(file => file.name === name),
    );
    for (const { name, text } of changed) await writeWhole(join(folder, name), text);
    for (const [name] of leftovers) await rm(join(folder, name));
    return {
      written: changed.map(({ name }) => name),
      unchanged: files.filter(file => !changed.includes(file)).map(({ name }) => name),
      removed: leftovers.map(([name]) => name),
    };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError('WriteFailed', `Cannot write the manifests to '${folder}': ${systemErrorCode(cause)}`, {
      hint: 'Name a folder that can be written to with --output',
      cause,
    });
  }
}

/** The texts of the YAML files in the folder, by name. */
async function readPresent(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter(entry => entry.isFile() && entry.name.endsWith('.yaml')).map(({ name }) => name);
  const texts = await Promise.all(
    names.toSorted().map(async name => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return new Map(texts);
}

function refuseForeign(folder: string, files: readonly ManifestFile[], present: ReadonlyMap<string, string>): void {
  const foreign = files
    .map(({ name }) => name)
    .filter(name => {
      const text = present.get(name);
      return text !== undefined && !isRendered(text);
    });
  if (foreign.length === 0) return;
  throw new UserError('WriteFailed', `Cannot write the manifests to '${folder}': it has files that no rendering made`, {
    details: foreign.map(name => join(folder, name)),
    hint: 'Name an empty folder with --output, or move these files away',
  });
}

function isRendered(text: string): boolean {
  return text.startsWith(`${RENDERED_MARK}\n`);
}
