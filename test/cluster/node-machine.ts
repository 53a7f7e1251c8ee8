import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateFile, kubeconfigFile } from './cluster-certificates.ts';
import { ClusterError } from './cluster-error.ts';
import { logFile, startDaemon } from './daemon.ts';
import type { ProgramFolders } from './go-programs.ts';
import { BRIDGE, machineName, type NodeLayout, nodeFolder } from './layout.ts';
import { NODE_KUBERNETES_FOLDER, NODE_PROGRAM_FOLDERS, writeNodeFiles } from './node-files.ts';
import { runCommand, type RunOptions, type RunResult, tryCommand } from './run-command.ts';
import { waitUntil } from './wait-until.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const UNITS = ['prepare-node.service', 'containerd.service', 'kubelet.service', 'kube-proxy.service'] as const;

/** What a node is made of. */
export interface NodeParts {
  readonly tree: string;
  readonly programs: ProgramFolders;
  readonly signal: AbortSignal;
}

/**
 * Boots a node: the shared tree below, the node's own layer on disk above, so that it keeps what it writes over a
 * reboot. containerd's and kubelet's folders are plain folders: an overlay on an overlay cannot be mounted.
 */
export async function startNode(node: NodeLayout, { tree, programs, signal }: NodeParts): Promise<void> {
  const folder = nodeFolder(node);
  const root = join(folder, 'root');
  for (const name of ['root', 'upper', 'work', 'containerd', 'kubelet', 'kubernetes']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  const layers = `lowerdir=${tree},upperdir=${join(folder, 'upper')},workdir=${join(folder, 'work')}`;
  await runCommand('mount', ['-t', 'overlay', machineName(node), '-o', layers, root]);
  await writeNodeFiles(root, node);
  await copyCertificates(node);
  await runCommand('systemctl', [`--root=${root}`, 'enable', '--quiet', ...UNITS]);
  const id = await startDaemon({ name: node.name, command: bootCommand(node, programs) });
  await writeFile(join(folder, 'nspawn.pid'), String(id));
  await waitUntil({
    what: `${node.name} to boot`,
    seconds: 60,
    check: async () => {
      const { stdout } = await tryInNode(node, ['systemctl', 'is-system-running']);
      return /^(running|degraded)$/.test(stdout.trim()) ? stdout : undefined;
    },
    logFile: logFile(node.name),
    signal,
  });
}

/** Runs a command in a node, whatever its exit code. */
export async function tryInNode(
  node: NodeLayout,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return await tryCommand('nsenter', [...(await enterArguments(node)), ...command], options);
}

/** Runs a command in a node; it must succeed. Returns its standard output. @throws {ClusterError} */
export async function runInNode(
  node: NodeLayout,
  command: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return await runCommand('nsenter', [...(await enterArguments(node)), ...command], options);
}

/** Arguments of nsenter for a node, to be followed by a command. @throws {ClusterError} when the node does not run */
export async function enterArguments(node: NodeLayout): Promise<readonly string[]> {
  const nspawn = (await readFile(join(nodeFolder(node), 'nspawn.pid'), 'utf8').catch(() => '')).trim();
  const children = await readFile(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').catch(() => '');
  const leader = children.trim().split(' ')[0] ?? '';
  if (leader === '') throw new ClusterError(`${node.name} does not run`);
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
  return [`--target=${leader}`, ...namespaces, '--root', '--wd', '--', 'env', '-i', `PATH=${PATH}`, 'TERM=linux'];
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

function bootCommand(node: NodeLayout, programs: ProgramFolders): readonly string[] {
  const folder = nodeFolder(node);
  const programBinds = Object.entries(NODE_PROGRAM_FOLDERS).flatMap(([name, path]) => {
    if (name === 'containerd' && node.containerd === 'debian') return [];
    return Object.entries(programs).flatMap(([key, from]) => (key === name ? [`--bind-ro=${from}:${path}`] : []));
  });
  return [
    'systemd-nspawn',
    '--quiet',
    `--directory=${join(folder, 'root')}`,
    `--machine=${machineName(node)}`,
    `--hostname=${node.name}`,
    '--register=no',
    '--keep-unit',
    '--capability=all',
    '--private-users=no',
    '--system-call-filter=@known',
    `--network-bridge=${BRIDGE}`,
    '--bind=/dev/kmsg',
    `--bind=${join(folder, 'containerd')}:/var/lib/containerd`,
    `--bind=${join(folder, 'kubelet')}:/var/lib/kubelet`,
    `--bind-ro=${join(folder, 'kubernetes')}:${NODE_KUBERNETES_FOLDER}`,
    ...programBinds,
    '--boot',
  ];
}
