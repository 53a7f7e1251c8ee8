import { copyFile, mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildah } from './buildah.ts';
import { CACHE_FOLDER, type NodeLayout, nodeFolder, NODES } from './layout.ts';
import { PAUSE_IMAGE } from './node-files.ts';
import { runInNode } from './node-machine.ts';

/** The image of all Pods of the tests, of the pause container too: Debian's static busybox. */
export const TEST_IMAGE = PAUSE_IMAGE;
const APPLETS = ['sh', 'cat', 'dmesg', 'echo', 'false', 'ls', 'mount', 'ps', 'sleep', 'test', 'true', 'uname', 'wget'];
const ARCHIVE = join(CACHE_FOLDER, 'busybox-image-1.tar');

/** Makes the test image from the nodes' Debian tree, once. Returns the archive's path. */
export async function ensureTestImage(tree: string): Promise<string> {
  if ((await stat(ARCHIVE).catch(() => undefined)) !== undefined) return ARCHIVE;
  const folder = `${ARCHIVE}.folder`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'bin'), { recursive: true });
  await mkdir(join(folder, 'tmp'), { mode: 0o1777 });
  await mkdir(join(folder, 'etc'));
  await copyFile(join(tree, 'usr/bin/busybox'), join(folder, 'bin/busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(folder, 'bin', applet));
  await writeFile(join(folder, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
  const container = (await buildah(['from', 'scratch'])).trim();
  await buildah(['copy', '--quiet', container, folder, '/']);
  await buildah(['config', '--env', 'PATH=/bin', '--cmd', '["/bin/sleep", "2147483647"]', container]);
  await commit({ container, image: TEST_IMAGE, archive: ARCHIVE });
  await rm(folder, { recursive: true, force: true });
  return ARCHIVE;
}

/** Makes an image of a container, and an archive of the image. */
async function commit(options: {
  readonly container: string;
  readonly image: string;
  readonly archive: string;
}): Promise<void> {
  const { container, image, archive } = options;
  await buildah(['commit', '--quiet', container, image]);
  await buildah(['push', '--quiet', image, `oci-archive:${archive}:${image}`]);
  await buildah(['rm', container]);
}

/** Puts an image archive into the containerd of every node. */
export async function importImage(archive: string): Promise<void> {
  await Promise.all(NODES.map(node => importIntoNode(node, archive)));
}

/** The archive is copied to where the node sees it; images of Kubernetes are in containerd's namespace `k8s.io`. */
async function importIntoNode(node: NodeLayout, archive: string): Promise<void> {
  const name = 'image-to-import.tar';
  const file = join(nodeFolder(node), 'kubelet', name);
  await copyFile(archive, file);
  const ctr = node.containerd === 'module' ? '/usr/local/lib/containerd/ctr' : 'ctr';
  await runInNode(node, [ctr, '--namespace=k8s.io', 'images', 'import', `/var/lib/kubelet/${name}`]);
  await rm(file);
}
