import { mkdir, writeFile } from 'node:fs/promises';
import { createCertificates } from './cluster-certificates.ts';
import { ClusterError } from './cluster-error.ts';
import { startControlPlane, startProxy, writeNodeProxyConfiguration } from './control-plane.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { buildGoPrograms, kubernetesVersion, type ProgramFolders } from './go-programs.ts';
import { createKubectl } from './kubectl.ts';
import { CACHE_FOLDER, LOG_FOLDER, NODES, VERSION_FILE } from './layout.ts';
import { createNetwork } from './network.ts';
import { startNode } from './node-machine.ts';
import { ensureNodeTree } from './node-tree.ts';
import type { Progress } from './progress.ts';
import { saveSysctls } from './sysctls.ts';
import { findLeftovers } from './tear-down.ts';
import { ensureTestImage, importImage } from './test-image.ts';
import { waitUntil } from './wait-until.ts';

/** What is built once, whatever happens to the cluster. */
export interface ClusterParts {
  readonly programs: ProgramFolders;
  readonly tree: string;
  readonly testImage: string;
}

/**
 * Installs, builds and downloads what is not there yet. Nothing of it belongs to a running cluster.
 *
 * @param kubernetesVersion such as v1.36.3; the one that tools/ pins when absent
 */
export async function prepareParts(
  progress: Progress,
  signal: AbortSignal,
  kubernetesVersion?: string,
): Promise<ClusterParts> {
  await ensureDebianPackages(progress, signal);
  await mkdir(CACHE_FOLDER, { recursive: true });
  const tree = await ensureNodeTree(progress, signal);
  const testImage = await ensureTestImage(tree);
  return { programs: await buildGoPrograms({ progress, signal, kubernetesVersion }), tree, testImage };
}

/** Starts the control plane and the nodes; ends when both nodes are Ready. @throws {ClusterError} */
export async function startCluster(
  { programs, tree, testImage }: ClusterParts,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const left = await findLeftovers();
  if (left.length > 0) {
    throw new ClusterError(
      "A cluster is up, or was left behind; 'npm run cluster -- down' removes it",
      left.slice(0, 5),
    );
  }
  await mkdir(LOG_FOLDER, { recursive: true, mode: 0o700 });
  await writeFile(VERSION_FILE, kubernetesVersion(programs));
  await saveSysctls();
  await progress('certificates', createCertificates);
  await progress('network', createNetwork);
  await progress('control plane', () => startControlPlane(programs, signal));
  await startProxy(programs);
  for (const node of NODES) await writeNodeProxyConfiguration(node, programs);
  await progress('booting the nodes', () =>
    Promise.all(NODES.map(node => startNode(node, { tree, programs, signal }))),
  );
  await progress('importing the test image', () => importImage(testImage));
  await progress('waiting for the nodes to be Ready', () => waitForNodes(programs, signal));
}

/** Waits until every node is Ready. @throws {ClusterError} */
export async function waitForNodes(programs: ProgramFolders, signal: AbortSignal): Promise<void> {
  const { run } = createKubectl(programs);
  for (const { name } of NODES) {
    await waitUntil({
      what: `node ${name} to be Ready`,
      seconds: 60,
      check: async () => {
        const path = '{.status.conditions[?(@.type=="Ready")].status}';
        const ready = await run(['get', 'node', name, '--output', `jsonpath=${path}`]);
        return ready === 'True' ? ready : undefined;
      },
      signal,
    });
  }
}
