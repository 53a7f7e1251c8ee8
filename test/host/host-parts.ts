import { ensureDebianPackages } from '../cluster/debian-packages.ts';
import { buildGoPrograms, type ProgramFolders } from '../cluster/go-programs.ts';
import { ensureNodeTree } from '../cluster/node-tree.ts';
import type { Progress } from '../cluster/progress.ts';
import { ensureTestImage } from '../cluster/test-image.ts';

/** What is built once, whatever happens to hosts. */
export interface HostParts {
  readonly programs: Pick<ProgramFolders, 'containerd' | 'criTools' | 'gvisor'>;
  readonly tree: string;
  readonly testImage: string;
}

/** Installs, builds and downloads what is not there yet: the same as for the test cluster. @throws {ClusterError} */
export async function prepareHostParts(progress: Progress, signal: AbortSignal): Promise<HostParts> {
  await ensureDebianPackages(progress, signal);
  const tree = await ensureNodeTree(progress, signal);
  const testImage = await ensureTestImage(tree);
  return { programs: await buildGoPrograms({ progress, signal }), tree, testImage };
}
