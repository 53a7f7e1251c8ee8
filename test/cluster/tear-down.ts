import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { killProcesses } from '../machine/kill-processes.ts';
import { mountsBelow, removeMachineFiles, unmountBelow } from '../machine/machine-files.ts';
import { processesInGroups, removeGroups } from './cgroups.ts';
import { ClusterError } from './cluster-error.ts';
import { CLUSTER_NAME, HOST_LINK, machineName, nodeFolder, NODES, STATE_FOLDER } from './layout.ts';
import { networkExists, processesInNetwork, removeNetwork } from './network.ts';
import { tryCommand } from './run-command.ts';
import { restoreSysctls } from './sysctls.ts';

const WAIT_MILLISECONDS = 30_000;
const POLL_MILLISECONDS = 100;

/**
 * Removes everything that the cluster left, found by its names and not by a list, so that it also works after a crash.
 *
 * @throws {ClusterError} that says what is left
 */
export async function tearDown(): Promise<void> {
  await killProcesses(clusterProcesses);
  await removeNetwork();
  for (const node of NODES) {
    await removeMachineFiles({ name: machineName(node), root: join(nodeFolder(node), 'root') });
  }
  await unmountBelow(STATE_FOLDER);
  await restoreSysctls();
  await rm(STATE_FOLDER, { recursive: true, force: true });
  await waitForGroups();
  const left = await findLeftovers();
  if (left.length > 0) throw new ClusterError('down left something behind', left);
}

/** What there is of a cluster on this machine, in words; empty when there is nothing. */
export async function findLeftovers(): Promise<readonly string[]> {
  const left: string[] = [];
  for (const id of await clusterProcesses()) left.push(`process ${id}: ${await commandLine(id)}`);
  for (const path of await mountsBelow(STATE_FOLDER)) left.push(`mount ${path}`);
  if (await networkExists()) left.push(`network namespace ${CLUSTER_NAME}`);
  if ((await tryCommand('ip', ['link', 'show', HOST_LINK])).code === 0) left.push(`network link ${HOST_LINK}`);
  if ((await stat(STATE_FOLDER).catch(() => undefined)) !== undefined) left.push(`folder ${STATE_FOLDER}`);
  left.push(...(await removeGroupsLater()));
  return left;
}

async function removeGroupsLater(): Promise<readonly string[]> {
  const processes = await processesInGroups();
  return processes.length > 0 ? [] : (await removeGroups()).map(folder => `cgroup ${folder}`);
}

/** Groups of processes that have just died may be busy for a moment. */
async function waitForGroups(): Promise<void> {
  const end = Date.now() + WAIT_MILLISECONDS;
  while ((await removeGroups()).length > 0 && Date.now() < end) await setTimeout(POLL_MILLISECONDS);
}

async function clusterProcesses(): Promise<readonly number[]> {
  const ids = new Set([...(await processesInGroups()), ...(await processesInNetwork())]);
  ids.delete(process.pid);
  return [...ids];
}

async function commandLine(id: number): Promise<string> {
  return (await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').slice(0, 120);
}
