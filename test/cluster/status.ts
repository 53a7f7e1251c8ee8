import { readdir, readFile } from 'node:fs/promises';
import { processesInGroups } from './cgroups.ts';
import { LOG_FOLDER, NODES, VERSION_FILE } from './layout.ts';
import { tryInNode } from './node-machine.ts';

/** One line a part of the cluster; empty when there is none. */
export async function clusterStatus(): Promise<readonly string[]> {
  const processes = await processesInGroups();
  if (processes.length === 0) return [];
  const version = await readFile(VERSION_FILE, 'utf8').catch(() => 'of an unknown version');
  const lines = [
    `Kubernetes ${version}`,
    `${processes.length} processes`,
    `logs: ${(await readdir(LOG_FOLDER).catch(() => [])).join(' ')}`,
  ];
  for (const { name } of [
    { name: 'etcd' },
    { name: 'kube-apiserver' },
    { name: 'kube-scheduler' },
    { name: 'kube-controller-manager' },
    { name: 'kube-proxy' },
  ]) {
    lines.push(`${name}: ${(await isRunning(name, processes)) ? 'running' : 'not running'}`);
  }
  for (const node of NODES) {
    const units = ['containerd', 'kubelet', 'kube-proxy'];
    const state = await tryInNode(node, ['systemctl', 'is-active', ...units]).catch(() => undefined);
    const words = state?.stdout.trim().split('\n') ?? units.map(() => 'unknown');
    lines.push(`${node.name}: ${units.map((unit, index) => `${unit} ${words[index] ?? 'unknown'}`).join(', ')}`);
  }
  return lines;
}

async function isRunning(name: string, processes: readonly number[]): Promise<boolean> {
  for (const id of processes) {
    if ((await readFile(`/proc/${id}/comm`, 'utf8').catch(() => '')).trim() === name.slice(0, 15)) return true;
  }
  return false;
}
