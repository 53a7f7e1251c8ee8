import type { HostFiles } from '../host/host-files.ts';

/** Removes a folder of ours with everything in it. Links in it are removed, not followed. */
export async function removeTree(files: HostFiles, folder: string): Promise<void> {
  const status = await files.status(folder);
  if (status === undefined) return;
  if (status.kind !== 'folder') {
    await files.removeFile(folder);
    return;
  }
  for (const name of await files.list(folder)) await removeTree(files, `${folder}/${name}`);
  await files.removeFolder(folder);
}
