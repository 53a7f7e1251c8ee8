import { runcUsesSystemdCgroup } from '../containerd/dump.ts';
import type { CgroupDriver, Host, KubeletCgroupDriver } from './host.ts';

/**
 * The cgroup driver that runsc is to use, which must be the kubelet's: else a Pod's limits do not hold (gvisor#9580).
 * What a person says counts most, then what a running kubelet did, then what containerd tells kubelets, which those from
 * 1.31 on obey; the kubelet's own configuration counts where containerd tells nothing, and then that of runc.
 *
 * @returns undefined when nothing says it, or when the kubelet's configuration contradicts what containerd tells it
 */
export function cgroupDriverOf(host: Host, override: CgroupDriver | undefined): CgroupDriver | undefined {
  const { kubeletCgroupDriver: kubelet, runtimeCgroupDriver } = host;
  if (override !== undefined) return override;
  if (kubelet?.kind === 'observed') return kubelet.driver;
  if (contradiction(host) !== undefined) return undefined;
  return runtimeCgroupDriver ?? kubelet?.driver ?? runcDriver(host);
}

/** The kubelet's configuration and what containerd tells it, when they name different drivers. */
export function contradiction({
  kubeletCgroupDriver: kubelet,
  runtimeCgroupDriver: told,
}: Host): { readonly kubelet: KubeletCgroupDriver; readonly told: CgroupDriver } | undefined {
  if (kubelet?.kind !== 'configured' || told === undefined || told === kubelet.driver) return undefined;
  return { kubelet, told };
}

function runcDriver({ dump }: Host): CgroupDriver | undefined {
  const usesSystemd = runcUsesSystemdCgroup(dump);
  if (usesSystemd === undefined) return undefined;
  return usesSystemd ? 'systemd' : 'cgroupfs';
}
