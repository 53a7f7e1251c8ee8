import type { ContainerdConfiguration } from '../containerd/configuration.ts';
import type { Layout } from '../layout/layout.ts';
import type { RuntimeStatus } from '../runtime/container-runtime.ts';
import type { FileSystemFacts } from './host-files.ts';

/** How the kubelet, and so runsc, makes cgroups. */
export type CgroupDriver = 'systemd' | 'cgroupfs';

/** The kubelet's driver, and how we know. */
export interface KubeletCgroupDriver {
  readonly driver: CgroupDriver;
  /**
   * `observed`: a folder that a running kubelet made. `configured`: a file or an argument, which a kubelet from 1.31 on
   * ignores when containerd 2 tells it another driver (kubernetes: cmd/kubelet/app/server.go getCgroupDriverFromCRI).
   */
  readonly kind: 'observed' | 'configured';
  /** Where it was found, such as `/var/lib/kubelet/config.yaml`. */
  readonly source: string;
}

/** What we write into a target for. */
export type TargetPurpose = 'payload' | 'state' | 'units' | 'configuration';

/** A folder that we write into, or a file there that we replace. */
export interface Target {
  readonly purpose: TargetPurpose;
  /** What we want to write into, as a path of the host without symbolic links. */
  readonly path: string;
  /** The same path, or its nearest folder that exists. */
  readonly existing: string;
  /** Of `existing`. */
  readonly fileSystem: FileSystemFacts;
  /** True when files may be made in the folder, or in the folder of the file. */
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
  /** Version of the containerd that runs, as it says itself without the `v`, such as `1.7.24~ds1` or `2.1.9`. */
  readonly containerdVersion: string;
  /** No condition at all when containerd answers without CRI. */
  readonly runtime: RuntimeStatus;
  /** The driver that CRI tells kubelets; undefined below containerd 2.0, which does not say. */
  readonly runtimeCgroupDriver: CgroupDriver | undefined;
  readonly configuration: ContainerdConfiguration;
  /** What the node's own `containerd config dump` prints of that configuration. */
  readonly dump: string;
  /** The kubelet's driver, as far as files say; undefined when the host has none that does. */
  readonly kubeletCgroupDriver: KubeletCgroupDriver | undefined;
  /** The folders for payload, state and systemd's units, the folder of the configuration file, and that file if it is there. */
  readonly targets: readonly Target[];
}

/** The root of the payload. */
export const PAYLOAD_FOLDER = '/opt/gvisor-injector';
/** One folder a release. */
export const RELEASES_FOLDER = `${PAYLOAD_FOLDER}/releases`;
/** Record, originals, candidates and outputs. */
export const STATE_FOLDER = '/var/lib/gvisor-injector';
/** Where unit files of an administrator are; the dead-man timer is one of them while it is armed. */
export const UNIT_FOLDER = '/etc/systemd/system';
