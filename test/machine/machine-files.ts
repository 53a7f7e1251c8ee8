import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../cluster/run-command.ts';

/** Removes what nspawn leaves of a machine: folders named after it, and a lock named after its root folder. */
export async function removeMachineFiles({
  name,
  root,
}: {
  readonly name: string;
  readonly root: string;
}): Promise<void> {
  const status = await stat(root).catch(() => undefined);
  const lock = status === undefined ? [] : [join('locks', `inode-${status.dev}:${status.ino}`)];
  const folders = ['propagate', 'unix-export'].map(kind => join(kind, name));
  for (const path of [...lock, ...folders]) {
    await rm(join('/run/systemd/nspawn', path), { recursive: true, force: true });
  }
}

/** Mount points below a folder, in the order in which they were mounted. */
export async function mountsBelow(folder: string): Promise<readonly string[]> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.split('\n').flatMap(line => {
    const point = line.split(' ')[1] ?? '';
    return point.startsWith(`${folder}/`) ? [point] : [];
  });
}

/** Unmounts everything below a folder, the latest first. @throws {ClusterError} */
export async function unmountBelow(folder: string): Promise<void> {
  for (const path of (await mountsBelow(folder)).toReversed()) await runCommand('umount', [path]);
}
