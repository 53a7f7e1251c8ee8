import { cgroupsOf } from '../machine/cgroups.ts';
import { CLUSTER_NAME } from './layout.ts';

const groups = cgroupsOf(CLUSTER_NAME);

/** Makes the group of a name in each hierarchy. Returns the folders. */
export async function createGroups(name: string): Promise<readonly string[]> {
  return await groups.create(name);
}

/** Ids of all processes of the cluster, or in the group of one name. */
export async function processesInGroups(name?: string): Promise<readonly number[]> {
  return await groups.processes(name);
}

/** Removes all groups of the cluster; they must be empty. Returns those that could not be removed. */
export async function removeGroups(): Promise<readonly string[]> {
  return await groups.remove();
}
