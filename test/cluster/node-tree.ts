import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_FOLDER } from './layout.ts';
import type { Progress } from './progress.ts';
import { runCommand } from './run-command.ts';

const SUITE = 'trixie';
const MIRROR = 'http://deb.debian.org/debian';
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iptables',
  'nftables',
  'conntrack',
  'iproute2',
  'kmod',
  'mount',
  'procps',
  'util-linux',
  'busybox-static',
  'ca-certificates',
] as const;
const TIMEOUT_MILLISECONDS = 10 * 60_000;

/** The Debian tree that all nodes have under their own layer; made once. Returns its folder. @throws {ClusterError} */
export async function ensureNodeTree(progress: Progress, signal: AbortSignal): Promise<string> {
  const key = createHash('sha256')
    .update([SUITE, ...PACKAGES].join(' '))
    .digest('hex')
    .slice(0, 12);
  const folder = join(CACHE_FOLDER, `node-tree-${SUITE}-${key}`);
  if ((await stat(folder).catch(() => undefined)) !== undefined) return folder;
  await mkdir(CACHE_FOLDER, { recursive: true });
  const unfinished = `${folder}.part`;
  await rm(unfinished, { recursive: true, force: true });
  const args = ['--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, unfinished, MIRROR];
  await progress(`making the nodes' Debian tree (${SUITE})`, () =>
    runCommand('mmdebstrap', args, { timeout: TIMEOUT_MILLISECONDS, signal }),
  );
  await rename(unfinished, folder);
  return folder;
}
