import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemErrorCode } from '../../src/errors/user-error.ts';

/**
 * A group of an owner's name in each cgroup hierarchy, and below it one for each daemon. Every process of the owner is
 * in one: what a machine's programs make is below the machine's own group, so that all processes are found here, also
 * those whose parents have died.
 */
export interface Cgroups {
  /** Makes the group of a name in each hierarchy. Returns the folders, for {@link enterGroups}. */
  create(name: string): Promise<readonly string[]>;
  /** Ids of all processes in groups of the owner, or in the group of one name. */
  processes(name?: string): Promise<readonly number[]>;
  /** Removes all groups of the owner, or the group of one name; they must be empty. Returns those that remain. */
  remove(name?: string): Promise<readonly string[]>;
}

const ROOT = '/sys/fs/cgroup';

/** The groups of an owner; its name is one of the whole machine. */
export function cgroupsOf(owner: string): Cgroups {
  return {
    create: async name => await createGroups(owner, name),
    processes: async (name = '') => await processesBelow(join(owner, name)),
    remove: async (name = '') => await removeGroups(join(owner, name)),
  };
}

/** Arguments that start a program inside these groups: a shell that joins them and becomes the program. */
export function enterGroups(folders: readonly string[], command: readonly string[]): readonly [string, ...string[]] {
  return ['/bin/sh', join(import.meta.dirname, 'enter-groups.sh'), ...folders, '--', ...command];
}

async function createGroups(owner: string, name: string): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const hierarchy of await hierarchies()) {
    const parent = join(hierarchy, owner);
    const folder = join(parent, name);
    await mkdir(folder, { recursive: true });
    for (const group of [parent, folder]) await inheritCpuset(group, hierarchy);
    folders.push(folder);
  }
  return folders;
}

async function processesBelow(path: string): Promise<readonly number[]> {
  const found = new Set<number>();
  for (const hierarchy of await hierarchies()) {
    for (const folder of await subtree(join(hierarchy, path))) {
      const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) if (line !== '') found.add(Number(line));
    }
  }
  return [...found];
}

async function removeGroups(path: string): Promise<readonly string[]> {
  const left: string[] = [];
  for (const hierarchy of await hierarchies()) {
    for (const folder of await subtree(join(hierarchy, path))) {
      try {
        await rmdir(folder);
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT') left.push(folder);
      }
    }
  }
  return left;
}

/** Mount points of all cgroup hierarchies, of either version. */
async function hierarchies(): Promise<readonly string[]> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  const points = mounts.split('\n').map(line => line.split(' '));
  return points.flatMap(([, point = '', type]) =>
    (type === 'cgroup' || type === 'cgroup2') && point.startsWith(ROOT) ? [point] : [],
  );
}

/** A folder and all below it, deepest first; nothing when it is not there. */
async function subtree(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [];
  const below: string[] = [];
  for (const entry of entries) if (entry.isDirectory()) below.push(...(await subtree(join(folder, entry.name))));
  return [...below, folder];
}

/** A new group of version 1 has no processors and no memory nodes, and nothing may join it before it has. */
async function inheritCpuset(group: string, hierarchy: string): Promise<void> {
  if (basename(hierarchy).split(',').includes('cpuset')) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      await writeFile(join(group, file), await readFile(join(hierarchy, file), 'utf8'));
    }
    await writeFile(join(group, 'cgroup.clone_children'), '1');
  }
}
