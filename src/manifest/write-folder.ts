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
 * @throws {UserError} WriteFailed when something of that name is somebody else's (then nothing was changed), or when
 *   the file system refuses
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

/** What the folder holds that is named like a YAML file, by name. */
type Present = ReadonlyMap<string, string | typeof NO_FILE>;

/** Stands for the text of a folder, a link or whatever else is no regular file. */
const NO_FILE = Symbol('no regular file');

async function readPresent(folder: string): Promise<Present> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => name.endsWith('.yaml'));
  const texts = entries
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(async entry => {
      const text = entry.isFile() ? await readFile(join(folder, entry.name), 'utf8') : NO_FILE;
      return [entry.name, text] as const;
    });
  return new Map(await Promise.all(texts));
}

function refuseForeign(folder: string, files: readonly ManifestFile[], present: Present): void {
  const foreign = files
    .map(({ name }) => name)
    .filter(name => {
      const found = present.get(name);
      return found !== undefined && !isRendered(found);
    });
  if (foreign.length === 0) return;
  throw new UserError('WriteFailed', `Cannot write the manifests to '${folder}': it holds what no rendering made`, {
    details: foreign.map(name => join(folder, name)),
    hint: 'Name an empty folder with --output, or move these away',
  });
}

function isRendered(text: string | typeof NO_FILE): boolean {
  return text !== NO_FILE && text.startsWith(`${RENDERED_MARK}\n`);
}
