import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupsOf } from '../machine/cgroups.ts';
import { type Bind, nspawnMachine, type NspawnMachine } from '../machine/nspawn-machine.ts';
import { certificateFile, kubeconfigFile } from './cluster-certificates.ts';
import { inNetworkNamespace, logFile } from './daemon.ts';
import type { ProgramFolders } from './go-programs.ts';
import { BRIDGE, CLUSTER_NAME, machineName, type NodeLayout, nodeFolder } from './layout.ts';
import { NODE_KUBERNETES_FOLDER, NODE_PROGRAM_FOLDERS, writeNodeFiles } from './node-files.ts';
import { runCommand, type RunOptions, type RunResult } from './run-command.ts';

const UNITS = ['prepare-node.service', 'containerd.service', 'kubelet.service', 'kube-proxy.service'] as const;

/** What a node is made of. */
export interface NodeParts {
  readonly tree: string;
  readonly programs: ProgramFolders;
  readonly signal: AbortSignal;
}

/**
 * Boots a node. containerd's and kubelet's folders are plain folders: an overlay on an overlay cannot be mounted.
 *
 * @throws {ClusterError}
 */
export async function startNode(node: NodeLayout, { tree, programs, signal }: NodeParts): Promise<void> {
  for (const name of ['containerd', 'kubelet', 'kubernetes']) {
    await mkdir(join(nodeFolder(node), name), { recursive: true });
  }
  const machine = nodeMachine(node, { tree, binds: nodeBinds(node, programs) });
  await machine.mount();
  await writeNodeFiles(machine.root, node);
  await copyCertificates(node);
  await runCommand('systemctl', [`--root=${machine.root}`, 'enable', '--quiet', ...UNITS]);
  await machine.boot(signal);
}

/** Reboots a node and waits until it runs again; its Pods take longer. @throws {ClusterError} */
export async function rebootNode(node: NodeLayout, signal: AbortSignal): Promise<void> {
  await startedNode(node).reboot(signal);
}

/** Runs a command in a node, whatever its exit code. */
export async function tryInNode(
  node: NodeLayout,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return await startedNode(node).tryRun(command, options);
}

/** Runs a command in a node; it must succeed. Returns its standard output. @throws {ClusterError} */
export async function runInNode(
  node: NodeLayout,
  command: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return await startedNode(node).run(command, options);
}

/** Arguments of nsenter for a node, to be followed by a command. @throws {ClusterError} when the node does not run */
export async function enterArguments(node: NodeLayout): Promise<readonly string[]> {
  return await startedNode(node).enterArguments();
}

/** A node that runs, perhaps started by another process: what it was made of does not matter any more. */
function startedNode(node: NodeLayout): NspawnMachine {
  return nodeMachine(node, { binds: [] });
}

function nodeMachine(
  node: NodeLayout,
  { tree, binds }: { readonly tree?: string; readonly binds: readonly Bind[] },
): NspawnMachine {
  return nspawnMachine({
    name: machineName(node),
    hostname: node.name,
    folder: nodeFolder(node),
    trees: tree === undefined ? [] : [tree],
    bridge: BRIDGE,
    binds,
    cgroups: cgroupsOf(CLUSTER_NAME),
    logFile: logFile(node.name),
    within: inNetworkNamespace,
  });
}

async function copyCertificates(node: NodeLayout): Promise<void> {
  const folder = join(nodeFolder(node), 'kubernetes');
  const copies = [
    [certificateFile('ca', 'crt'), 'ca.crt'],
    [certificateFile(`kubelet-server-${node.name}`, 'crt'), 'server.crt'],
    [certificateFile(`kubelet-server-${node.name}`, 'key'), 'server.key'],
    [kubeconfigFile('kube-proxy'), 'kube-proxy.kubeconfig'],
  ] as const;
  for (const [from, to] of copies) await copyFile(from, join(folder, to));
}

function nodeBinds(node: NodeLayout, programs: ProgramFolders): readonly Bind[] {
  const folder = nodeFolder(node);
  const programBinds = Object.entries(NODE_PROGRAM_FOLDERS).flatMap(([name, to]) => {
    if (name === 'containerd' && node.containerd === 'debian') return [];
    return Object.entries(programs).flatMap(([key, from]) => (key === name ? [{ from, to, readOnly: true }] : []));
  });
  return [
    { from: join(folder, 'containerd'), to: '/var/lib/containerd', readOnly: false },
    { from: join(folder, 'kubelet'), to: '/var/lib/kubelet', readOnly: false },
    { from: join(folder, 'kubernetes'), to: NODE_KUBERNETES_FOLDER, readOnly: true },
    ...programBinds,
  ];
}
