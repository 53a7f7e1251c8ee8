import type { ContainerdConfiguration } from '../containerd/configuration.ts';
import type { Layout } from '../layout/layout.ts';
import type { RuntimeStatus } from '../runtime/container-runtime.ts';
import type { FileSystemFacts } from './host-files.ts';

/** How the kubelet, and so runsc, makes cgroups. */
export type CgroupDriver = 'systemd' | 'cgroupfs';

/** A folder that we write into, or its nearest parent that exists. */
export interface TargetFolder {
  readonly path: string;
  readonly fileSystem: FileSystemFacts;
  readonly writable: boolean;
}

/** A host as one value: everything that a plan depends on. */
export interface Host {
  readonly machineId: string;
  readonly bootId: string;
  /** As `uname -m` says: `x86_64`, `aarch64`. */
  readonly architecture: string;
  /** As `uname -r` says. */
  readonly kernelRelease: string;
  /** `user.max_user_namespaces`; undefined when the kernel has no such setting. */
  readonly maximumUserNamespaces: number | undefined;
  /** SELinux is there, enforcing or not. */
  readonly hasSELinux: boolean;
  readonly layout: Layout;
  /** Version of the containerd that runs, such as `1.7.24`. */
  readonly containerdVersion: string;
  readonly runtime: RuntimeStatus;
  readonly configuration: ContainerdConfiguration;
  /** What the node's own `containerd config dump` prints of that configuration. */
  readonly dump: string;
  /** The kubelet's driver, as far as files say; undefined when the host has no kubelet's configuration. */
  readonly kubeletCgroupDriver: CgroupDriver | undefined;
  /** The folders for payload, state and systemd's units, and the folder of the configuration file. */
  readonly targets: readonly TargetFolder[];
}

/** The root of the payload. */
export const PAYLOAD_FOLDER = '/opt/gvisor-injector';
/** One folder a release. */
export const RELEASES_FOLDER = `${PAYLOAD_FOLDER}/releases`;
/** Record, originals, candidates and outputs. */
export const STATE_FOLDER = '/var/lib/gvisor-injector';
/** Where unit files of an administrator are; the dead-man timer is one of them while it is armed. */
export const UNIT_FOLDER = '/etc/systemd/system';
