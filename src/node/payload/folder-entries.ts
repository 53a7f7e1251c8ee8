import { systemErrorCode } from '../../errors/user-error.ts';
import type { FileStatus, HostFiles } from '../host/host-files.ts';
import { isPartName, SIDECAR_FOLDER } from './parts.ts';
import { type PayloadEntry, SUMS_NAME } from './payload.ts';
import { payloadError } from './payload-error.ts';

/** A folder that holds the parts of a release. */
export interface PayloadFolder {
  readonly files: HostFiles;
  readonly path: string;
}

/**
 * The entries of a folder, in the order of their names. Sums beside the parts are left out.
 *
 * @throws {NodeError} PayloadUnavailable
 */
export async function* folderEntries(folder: PayloadFolder): AsyncIterable<PayloadEntry> {
  for (const name of await namesIn(folder, '')) {
    if (name !== SIDECAR_FOLDER) yield await entryOf(folder, name);
    else yield* sidecarEntries(folder);
  }
}

/**
 * The bytes of a local file that belongs to a payload.
 *
 * @throws {NodeError} PayloadUnavailable
 */
export async function* localContent(files: HostFiles, path: string): AsyncIterable<Uint8Array> {
  try {
    yield* files.stream(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** What a local file of a payload is. @throws {NodeError} PayloadUnavailable when it is not there */
export async function localStatus(files: HostFiles, path: string): Promise<FileStatus> {
  try {
    const status = await files.status(await files.resolve(path));
    if (status !== undefined) return status;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  throw payloadError('PayloadUnavailable', `'${path}' is not there`);
}

async function* sidecarEntries(folder: PayloadFolder): AsyncIterable<PayloadEntry> {
  const status = await folder.files.status(`${folder.path}/${SIDECAR_FOLDER}`);
  if (status?.kind !== 'folder') {
    yield { name: SIDECAR_FOLDER, refusal: 'is no folder', content: nothing() };
    return;
  }
  for (const name of await namesIn(folder, `${SIDECAR_FOLDER}/`)) yield await entryOf(folder, name);
}

async function entryOf({ files, path }: PayloadFolder, name: string): Promise<PayloadEntry> {
  const status = await files.status(`${path}/${name}`);
  if (status?.kind === 'link') return { name, refusal: 'is a symbolic link', content: nothing() };
  if (status?.kind !== 'file') return { name, refusal: 'is no file', content: nothing() };
  const refusal = isPartName(name) ? undefined : 'is no part of a release';
  return { name, refusal, content: localContent(files, `${path}/${name}`) };
}

async function namesIn({ files, path }: PayloadFolder, prefix: string): Promise<readonly string[]> {
  const folder = `${path}/${prefix}`.replace(/\/$/, '');
  const { kind } = await localStatus(files, folder);
  if (kind !== 'folder') throw payloadError('PayloadUnavailable', `'${folder}' is no folder`);
  const names = await files.list(folder);
  return names.filter(name => name !== SUMS_NAME && !name.endsWith('.sha512')).map(name => `${prefix}${name}`);
}

function unreadable(path: string, cause: unknown): Error {
  return payloadError('PayloadUnavailable', `cannot read '${path}': ${systemErrorCode(cause) ?? String(cause)}`, {
    cause,
  });
}

async function* nothing(): AsyncIterable<Uint8Array> {}
