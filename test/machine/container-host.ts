/** What makes a Debian tree in an nspawn machine a host of containers: the same on cluster nodes and on bare hosts. */

/** Shell lines: nspawn mounts cgroups, /proc/sys and /sys read-only; a container runtime writes to them. */
export const REMOUNT_SCRIPT = `for mount in $(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts); do
  mount -o remount,rw,bind "$mount"
done
mount -o remount,rw,bind /proc/sys
mount -o remount,rw /sys
`;

/** Shell lines that write containerd's configuration: its own default one, with the image of all sandboxes. */
export function containerdScript({
  sandboxImage,
  programs,
}: {
  readonly sandboxImage: string;
  /** The folder of containerd's programs, where they are not the Debian package's. */
  readonly programs: string | undefined;
}): string {
  return `mkdir -p /opt/cni
ln -sfn /usr/lib/cni /opt/cni/bin
${programs === undefined ? '' : `PATH=${programs}:$PATH`}
containerd config default |
  sed -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' \\
    -e 's#sandbox_image = .*#sandbox_image = "${sandboxImage}"#' \\
    -e "s#sandbox = 'registry.*#sandbox = '${sandboxImage}'#" >/etc/containerd/config.toml
`;
}

/** A drop-in of containerd.service, for programs that are not the Debian package's. */
export function containerdOverride(programs: string): string {
  return `[Service]
Environment=PATH=${programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
ExecStart=
ExecStart=${programs}/containerd
`;
}

/** A network for Pods, as a CNI configuration: a bridge in the machine. */
export function podNetwork(subnet: string): string {
  const ipam = { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] };
  const bridge = { type: 'bridge', bridge: 'pods', isGateway: true, hairpinMode: true, ipam };
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [bridge] });
}
