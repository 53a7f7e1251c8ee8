import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ClusterError } from '../cluster/cluster-error.ts';
import { cgroupsOf } from '../machine/cgroups.ts';
import { killProcesses } from '../machine/kill-processes.ts';
import { mountsBelow, removeMachineFiles, unmountBelow } from '../machine/machine-files.ts';
import { hostFolder, hostMachineName, HOSTS_FOLDER, HOSTS_NAME } from './layout.ts';

const GROUP_WAIT_MILLISECONDS = 10_000;
const POLL_MILLISECONDS = 50;

/**
 * Removes every host, found by names and not by a list, so that it also works after a crash.
 *
 * @throws {ClusterError} that says what is left
 */
export async function tearDownHosts(): Promise<void> {
  await killProcesses(async () => await cgroupsOf(HOSTS_NAME).processes());
  for (const host of await readdir(HOSTS_FOLDER).catch(() => [])) {
    await removeMachineFiles({ name: hostMachineName(host), root: join(hostFolder(host), 'root') });
  }
  await unmountBelow(HOSTS_FOLDER);
  await rm(HOSTS_FOLDER, { recursive: true, force: true });
  await removeGroups();
  const left = await findHostLeftovers();
  if (left.length > 0) throw new ClusterError('hosts left something behind', left);
}

/** What there is of hosts on this computer, in words; empty when there is nothing. */
export async function findHostLeftovers(): Promise<readonly string[]> {
  const groups = cgroupsOf(HOSTS_NAME);
  const processes = await groups.processes();
  const folder = await stat(HOSTS_FOLDER).catch(() => undefined);
  return [
    ...processes.map(id => `process ${id}`),
    ...(await mountsBelow(HOSTS_FOLDER)).map(path => `mount ${path}`),
    ...(folder === undefined ? [] : [`folder ${HOSTS_FOLDER}`]),
    ...(processes.length > 0 ? [] : (await groups.remove()).map(path => `cgroup ${path}`)),
  ];
}

/** Groups of processes that have just died may be busy for a moment. */
async function removeGroups(): Promise<void> {
  const end = Date.now() + GROUP_WAIT_MILLISECONDS;
  while ((await cgroupsOf(HOSTS_NAME).remove()).length > 0 && Date.now() < end) await setTimeout(POLL_MILLISECONDS);
}
