import { join } from 'node:path';

/**
 * Names and folders of the test hosts. Everything that they leave on the computer while they run carries one of these,
 * so that the tear-down finds it without a list: one folder, one group in each cgroup hierarchy, nspawn's files.
 */
export const HOSTS_NAME = `gvisor-injector-hosts${setSuffix()}`;
/** Everything that running hosts write. */
export const HOSTS_FOLDER = join('/var/lib', HOSTS_NAME);
const MACHINE_PREFIX = `gvinj-host${setSuffix()}-`;

/** Two people on one computer have a set of hosts each: HOST_SET names another than the usual one. */
function setSuffix(): string {
  const set = process.env['HOST_SET'] ?? '';
  return set === '' ? '' : `-${set}`;
}

/** The name of a host's nspawn machine. */
export function hostMachineName(host: string): string {
  return `${MACHINE_PREFIX}${host}`;
}

/** The folder of a host: its overlay, what is bound into it, and its console's log. */
export function hostFolder(host: string): string {
  return join(HOSTS_FOLDER, host);
}

/** Where a host sees what is bound into it, read-only. */
export const HOST_PATHS = {
  /** The repository: `node` runs what is in it, the CLI (`src/cli/main.ts`) and agents of tests alike. */
  repository: '/usr/local/lib/gvisor-injector',
  /** runsc and its shim, as the source of a payload: nothing on the host refers to it. */
  gvisor: '/usr/local/lib/gvisor-payload',
  containerd: '/usr/local/lib/containerd',
  criTools: '/usr/local/lib/cri-tools',
} as const;
