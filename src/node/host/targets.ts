import { dirname } from 'node:path/posix';
import type { ContainerdConfiguration } from '../containerd/configuration.ts';
import { RELEASES_FOLDER, STATE_FOLDER, type Target, type TargetPurpose, UNIT_FOLDER } from './host.ts';
import type { HostFiles } from './host-files.ts';

/** Looks at every place that an install writes into. */
export async function readTargets(
  files: HostFiles,
  { root, rootPath, dropInFolder }: ContainerdConfiguration,
): Promise<readonly Target[]> {
  const places: [TargetPurpose, string][] = [
    ['payload', RELEASES_FOLDER],
    ['state', STATE_FOLDER],
    ['units', UNIT_FOLDER],
    ['configuration', dirname(rootPath)],
  ];
  if (dropInFolder !== undefined) places.push(['configuration', dropInFolder.path]);
  // The file itself can be a mount of its own.
  if (root !== undefined) places.push(['configuration', rootPath]);
  const targets: Target[] = [];
  for (const [purpose, path] of places) targets.push(await readTarget(files, { purpose, path }));
  return targets;
}

async function readTarget(
  files: HostFiles,
  { purpose, path: wanted }: { readonly purpose: TargetPurpose; readonly path: string },
): Promise<Target> {
  const path = await files.resolve(wanted);
  let existing = path;
  while (existing !== '/' && (await files.status(existing)) === undefined) existing = dirname(existing);
  const folder = (await files.status(existing))?.kind === 'folder' ? existing : dirname(existing);
  return {
    purpose,
    path,
    existing,
    fileSystem: await files.fileSystem(existing),
    writable: await files.writable(folder),
  };
}
