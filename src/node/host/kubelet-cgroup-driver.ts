import { dirname, join } from 'node:path/posix';
import { parse } from 'yaml';
import { isJsonObject, member } from '../../policy/json.ts';
import type { Layout } from '../layout/layout.ts';
import type { Systemd } from '../systemd/systemd.ts';
import type { CgroupDriver, KubeletCgroupDriver } from './host.ts';
import type { HostFiles } from './host-files.ts';
import { expandCommand, readEnvironmentFiles } from './unit-command.ts';

/** Where the kubelet's driver is looked for. */
export interface KubeletSources {
  readonly files: HostFiles;
  readonly systemd: Systemd;
}

/**
 * The cgroup that a kubelet makes for all Pods, by its driver (kubernetes: pkg/kubelet/cm/cgroup_manager_linux.go);
 * kind's kubelets have the root cgroup `kubelet`.
 */
const POD_CGROUPS = {
  systemd: ['kubepods.slice', 'kubelet.slice/kubelet-kubepods.slice'],
  cgroupfs: ['kubepods', 'kubelet/kubepods'],
} as const satisfies Record<CgroupDriver, readonly string[]>;
/** Mount points of cgroup version 2, and of one controller of version 1. */
const CGROUP_FOLDERS = ['/sys/fs/cgroup', '/sys/fs/cgroup/memory'] as const;
const KUBELET_UNIT = 'kubelet.service';
/** kubeadm's, and the default of most others. */
const DEFAULT_CONFIGURATION = '/var/lib/kubelet/config.yaml';
/** Where kubeadm's unit takes variables of its command from, in its packages for Debian and for Fedora. */
const ENVIRONMENT_FILES = [
  '/var/lib/kubelet/kubeadm-flags.env',
  '/etc/default/kubelet',
  '/etc/sysconfig/kubelet',
] as const;

/**
 * The kubelet's cgroup driver: the cgroup that a running kubelet made, else what its arguments and configuration files
 * say; undefined when nothing does.
 */
export async function readKubeletCgroupDriver(
  { files, systemd }: KubeletSources,
  layout: Layout,
): Promise<KubeletCgroupDriver | undefined> {
  const observed = await observedDriver(files);
  if (observed !== undefined) return observed;
  if (layout.name !== 'containerd') {
    // Beside the folder of containerd's configuration, wherever the data folder is.
    return await driverOfFolder(files, join(dirname(layout.configuration), '../kubelet.conf.d'));
  }
  const unit = await systemd.unit(KUBELET_UNIT);
  const variables = [...(unit?.environment ?? []), ...(await readEnvironmentFiles(files, ENVIRONMENT_FILES))];
  const words = expandCommand(unit?.command ?? [], variables);
  const source = `the arguments of ${KUBELET_UNIT}`;
  return (
    foundDriver(flagValue(words, 'cgroup-driver'), source) ??
    (await driverOfFolder(files, flagValue(words, 'config-dir'))) ??
    (await driverOfFile(files, flagValue(words, 'config') ?? DEFAULT_CONFIGURATION))
  );
}

/** Undefined when there is no such cgroup, or one of each kind, as after a change of the driver without a boot. */
async function observedDriver(files: HostFiles): Promise<KubeletCgroupDriver | undefined> {
  const found: KubeletCgroupDriver[] = [];
  for (const driver of ['systemd', 'cgroupfs'] as const) {
    const paths = CGROUP_FOLDERS.flatMap(folder => POD_CGROUPS[driver].map(name => join(folder, name)));
    const source = await firstFolder(files, paths);
    if (source !== undefined) found.push({ driver, kind: 'observed', source });
  }
  return found.length === 1 ? found[0] : undefined;
}

async function firstFolder(files: HostFiles, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if ((await files.status(path))?.kind === 'folder') return path;
  }
  return undefined;
}

/** A folder of drop-ins: the last that names a driver counts (kubernetes: cmd/kubelet/app/server.go). */
async function driverOfFolder(files: HostFiles, folder: string | undefined): Promise<KubeletCgroupDriver | undefined> {
  if (folder === undefined) return undefined;
  const names = (await files.list(folder)).filter(name => name.endsWith('.conf'));
  for (const name of names.toReversed()) {
    const found = await driverOfFile(files, join(folder, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function driverOfFile(files: HostFiles, path: string): Promise<KubeletCgroupDriver | undefined> {
  const configuration = parseConfiguration((await files.read(path))?.toString('utf8') ?? '');
  return isJsonObject(configuration) ? foundDriver(member(configuration, 'cgroupDriver'), path) : undefined;
}

function foundDriver(value: unknown, source: string): KubeletCgroupDriver | undefined {
  return value === 'systemd' || value === 'cgroupfs' ? { driver: value, kind: 'configured', source } : undefined;
}

/** YAML or JSON; undefined when it is neither, which is the kubelet's business to complain about. */
function parseConfiguration(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The value of the last `--NAME=VALUE` or `--NAME VALUE`; Go's flags may have one dash too. */
function flagValue(words: readonly string[], name: string): string | undefined {
  const values = words.flatMap((word, index) => {
    if (word === `--${name}` || word === `-${name}`) return [words[index + 1]];
    return new RegExp(`^--?${name}=(.*)$`, 's').exec(word)?.slice(1) ?? [];
  });
  return values.at(-1);
}
