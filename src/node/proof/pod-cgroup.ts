import { join } from 'node:path/posix';
import type { HostFiles } from '../host/host-files.ts';

/** What the cgroup of a Pod shows on the host. */
export interface PodCgroup {
  /** A path of the host, without the mount point of the hierarchy. */
  readonly path: string;
  /** Undefined: no limit. */
  readonly memoryLimitBytes: number | undefined;
  readonly memoryUsageBytes: number;
  /** Undefined: no limit. */
  readonly processors: number | undefined;
}

const ROOT = '/sys/fs/cgroup';
/** Kubelets nest three deep at most: kubepods, class of service, Pod; kind's have one more above. */
const MAXIMUM_DEPTH = 4;
/** Above that, version 1 means none: it writes the largest number of pages. */
const NO_LIMIT = 2 ** 60;

/** Files of a cgroup of a Pod, by the version of cgroups. */
interface Hierarchy {
  readonly memoryRoot: string;
  readonly memoryLimit: string;
  readonly memoryUsage: string;
  readonly processorRoot: string;
  readonly processors: (read: (name: string) => Promise<string>) => Promise<number | undefined>;
}

const VERSION_2: Hierarchy = {
  memoryRoot: ROOT,
  memoryLimit: 'memory.max',
  memoryUsage: 'memory.current',
  processorRoot: ROOT,
  // Not there where kubelets set no quota at all.
  processors: async read => {
    const [, quota, period] = /^(\d+) (\d+)$/.exec(await read('cpu.max')) ?? [];
    return quota === undefined ? undefined : Number(quota) / Number(period);
  },
};

const VERSION_1: Hierarchy = {
  memoryRoot: `${ROOT}/memory`,
  memoryLimit: 'memory.limit_in_bytes',
  memoryUsage: 'memory.usage_in_bytes',
  processorRoot: `${ROOT}/cpu`,
  processors: async read => {
    const quota = Number(await read('cpu.cfs_quota_us'));
    return quota > 0 ? quota / Number(await read('cpu.cfs_period_us')) : undefined;
  },
};

/**
 * The cgroup of a Pod on the host, under either version and driver; undefined while there is none. Its processes cannot
 * be counted: across PID namespaces `cgroup.procs` shows zeros, or nothing. What is used says as much.
 */
export async function readPodCgroup(files: HostFiles, uid: string): Promise<PodCgroup | undefined> {
  const isVersion2 = (await files.status(`${ROOT}/cgroup.controllers`)) !== undefined;
  const hierarchy = isVersion2 ? VERSION_2 : VERSION_1;
  const path = await findFolder(files, { root: hierarchy.memoryRoot, uid });
  if (path === undefined) return undefined;
  const read = async (root: string, name: string): Promise<string> =>
    (await files.read(join(root, path, name)))?.toString('utf8').trim() ?? '';
  const limit = await read(hierarchy.memoryRoot, hierarchy.memoryLimit);
  const memoryLimitBytes = limit === 'max' || Number(limit) >= NO_LIMIT ? undefined : Number(limit);
  const usage = await read(hierarchy.memoryRoot, hierarchy.memoryUsage);
  if (limit === '' || usage === '') return undefined;
  const processors = await hierarchy.processors(async name => await read(hierarchy.processorRoot, name));
  return { path, memoryLimitBytes, memoryUsageBytes: Number(usage), processors };
}

/** Names with the systemd driver have underscores where the uid has dashes, and all names of those above. */
async function findFolder(
  files: HostFiles,
  { root, uid }: { readonly root: string; readonly uid: string },
): Promise<string | undefined> {
  const endings = [`pod${uid}`, `pod${uid.replaceAll('-', '_')}.slice`];
  let folders = ['/'];
  for (let depth = 0; depth < MAXIMUM_DEPTH; depth += 1) {
    const below = [];
    for (const folder of folders) {
      // A few folders, read in order.
      // oxlint-disable-next-line no-await-in-loop
      const names = await files.list(join(root, folder));
      const found = names.find(name => endings.some(ending => name.endsWith(ending)));
      if (found !== undefined) return join(folder, found);
      below.push(...names.filter(isAbovePods).map(name => join(folder, name)));
    }
    folders = below;
  }
  return undefined;
}

function isAbovePods(name: string): boolean {
  return /^(?:kubelet|kubepods|burstable$|besteffort$)/.test(name) && !/pod[0-9a-f]{8}[-_]/.test(name);
}
