import { join } from 'node:path/posix';
import type { ChangeContext } from '../change/context.ts';
import { readRecord } from '../change/record.ts';
import type { HostFiles } from '../host/host-files.ts';
import { releaseFolder } from '../payload/release-folder.ts';
import type { FileLook } from './drift-watch.ts';
import { readLayout } from './read-layout.ts';
import type { WatchedFile } from './step-report.ts';

/**
 * The files whose change is worth a look: our release, the configuration that carries our entry and the one that loads
 * it, and the socket of CRI, which is another one after every restart of the container runtime.
 *
 * @throws {NodeError} when the host has no layout any more, or the record is none
 */
export async function watchedFiles(
  context: Pick<ChangeContext, 'files' | 'systemd'>,
  look: FileLook,
): Promise<readonly WatchedFile[]> {
  const { files } = context;
  const layout = await readLayout(context);
  const entry = (await readRecord(files))?.entry;
  const texts = new Set([layout.configuration, ...(entry ? [entry.path] : [])]);
  const release = entry ? await listFiles(files, releaseFolder(entry.release)) : [];
  const programs = [layout.socket, ...release];
  return await Promise.all([
    ...[...texts].map(async path => await watched(look, path, { isText: true })),
    ...programs.map(async path => await watched(look, path, { isText: path.endsWith('.toml') })),
  ]);
}

async function watched(look: FileLook, path: string, { isText }: { readonly isText: boolean }): Promise<WatchedFile> {
  const fingerprint = await look.fingerprint(path);
  return { path, isText, ...(fingerprint !== undefined && { fingerprint }) };
}

/** All files of a release, which has one folder in it. */
async function listFiles(files: HostFiles, folder: string): Promise<readonly string[]> {
  const paths = (await files.list(folder)).map(name => join(folder, name));
  const found: string[] = [];
  for (const path of paths) {
    const kind = (await files.status(path))?.kind;
    if (kind === 'folder') found.push(...(await files.list(path)).map(name => join(path, name)));
    else found.push(path);
  }
  return found;
}
