import { join } from 'node:path';
import { CACHE_FOLDER } from './layout.ts';
import { runCommand, type RunOptions } from './run-command.ts';

const STORE = join(CACHE_FOLDER, 'buildah');

/** Runs buildah with storage of its own. Returns its standard output. @throws {ClusterError} */
export async function buildah(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const storage = ['--root', join(STORE, 'storage'), '--runroot', join(STORE, 'run'), '--storage-driver', 'overlay'];
  return await runCommand('buildah', [...storage, ...args], options);
}
