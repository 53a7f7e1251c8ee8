import type { CgroupDriver, Host, KubeletCgroupDriver } from '../../src/node/host/host.ts';
import type { PreflightRequest } from '../../src/node/host/preflight.ts';
import type { NodeReason } from '../../src/node/reason.ts';
import { type DumpFacts, dumpOf, hostOf, PLAIN_TARGETS, targetOf } from './host-value.ts';

/** Bytes. */
export const MEBIBYTE = 1024 ** 2;

/** A host that is otherwise in one respect, or several, and what the sentences about it must name. */
export interface PreflightCase {
  readonly host?: Partial<Host>;
  readonly request?: Partial<PreflightRequest>;
  /** Reason, and what its sentence has to quote; in the order of the refusals. */
  readonly refused?: readonly (readonly [NodeReason, ...string[]])[];
}

const space = (mebibytes: number) => ({ freeBytes: mebibytes * MEBIBYTE, readOnly: false, noExecution: false });
const readOnly = { ...space(1000), readOnly: true };
/** A driver that a kubelet's file names. */
export const configured = (driver: CgroupDriver): KubeletCgroupDriver => ({
  driver,
  kind: 'configured',
  source: '/var/lib/kubelet/config.yaml',
});
/** The part of a host that its dump is. */
export const withDump = (facts: DumpFacts): Partial<Host> => ({ dump: dumpOf(facts) });
const withFlags = (flags: Readonly<Record<string, string>>): Partial<PreflightRequest> => ({
  handlers: [{ name: 'runsc', flags }],
});
const plain = hostOf();

/** The table, by the names of the expected texts. */
export const PREFLIGHT_CASES: Readonly<Record<string, PreflightCase>> = {
  'plain-host': {},
  'containerd-2': { host: { containerdVersion: '2.4.2', runtimeCgroupDriver: 'systemd' } },
  'arm-64': { host: { architecture: 'aarch64' } },
  'architecture-of-others': {
    host: { architecture: 'riscv64' },
    refused: [['ArchitectureUnsupported', 'riscv64', 'x86_64 and aarch64']],
  },
  'kernel-at-the-limit': { host: { kernelRelease: '5.6.0' } },
  'kernel-just-below': {
    host: { kernelRelease: '5.5.19-generic' },
    refused: [['KernelTooOld', '5.5.19-generic', '5.6']],
  },
  'kernel-of-centos-7': {
    host: { kernelRelease: '3.10.0-1160.el7.x86_64' },
    refused: [['KernelTooOld', '3.10.0-1160']],
  },
  'kernel-without-a-number': { host: { kernelRelease: 'mainline' }, refused: [['KernelTooOld', 'mainline']] },
  'user-namespaces-zero': {
    host: { maximumUserNamespaces: 0 },
    refused: [['UserNamespacesOff', 'user.max_user_namespaces is 0']],
  },
  'user-namespaces-absent': {
    host: { maximumUserNamespaces: undefined },
    refused: [['UserNamespacesOff', 'no sysctl user.max_user_namespaces']],
  },
  'containerd-1.6': { host: { containerdVersion: '1.6.20~ds1' }, refused: [['ContainerdTooOld', '1.6.20~ds1']] },
  'containerd-2.1.1': { host: { containerdVersion: '2.1.1' }, refused: [['ContainerdKnownBad', '2.1.1', '2.1.2']] },
  'selinux-labels': {
    host: { hasSELinux: true, ...withDump({ enablesSELinux: true }) },
    refused: [['SELinuxEnabled', 'enable_selinux = true', '/etc/containerd/config.toml']],
  },
  'selinux-without-labels': { host: { hasSELinux: true } },
  'labels-without-selinux': { host: withDump({ enablesSELinux: true }) },
  'cri-disabled': {
    host: { ...withDump({ disabledPlugins: ['cri'] }), runtime: { conditions: [], handlers: [] } },
    refused: [['CRIDisabled', "'cri'", '/etc/containerd/config.toml']],
  },
  'cri-disabled-in-2': {
    host: {
      ...withDump({ disabledPlugins: ['io.containerd.tracing.v1', 'io.containerd.cri.v1.runtime'] }),
      runtime: { conditions: [], handlers: [] },
    },
    refused: [['CRIDisabled', "'io.containerd.cri.v1.runtime'"]],
  },
  'cri-disabled-from-the-next-restart': {
    host: withDump({ disabledPlugins: ['io.containerd.grpc.v1.cri'] }),
    refused: [['CRIDisabled', "'io.containerd.grpc.v1.cri'"]],
  },
  'cri-not-loaded': {
    host: { runtime: { conditions: [], handlers: [] } },
    refused: [['RuntimeNotLoaded', '/run/containerd/containerd.sock']],
  },
  'handler-of-runc': {
    host: withDump({ handlers: { runsc: 'io.containerd.runc.v2' } }),
    refused: [['HandlerTaken', "'runsc'", "'io.containerd.runc.v2'", '/etc/containerd/config.toml']],
  },
  'handler-to-adopt': { host: withDump({ handlers: { runsc: 'io.containerd.runsc.v1' } }) },
  'one-handler-of-two-taken': {
    host: withDump({ handlers: { strict: 'io.containerd.kata.v2' } }),
    request: {
      handlers: [
        { name: 'runsc', flags: {} },
        { name: 'strict', flags: {} },
      ],
    },
    refused: [['HandlerTaken', "'strict'", "'io.containerd.kata.v2'"]],
  },
  'cgroup-driver-nowhere': {
    host: { kubeletCgroupDriver: undefined, ...withDump({ systemdCgroup: undefined }) },
    refused: [['CgroupDriverUnknown', '/sys/fs/cgroup', '/etc/containerd/config.toml']],
  },
  'cgroup-driver-by-flag': {
    host: { kubeletCgroupDriver: undefined, ...withDump({ systemdCgroup: undefined }) },
    request: { cgroupDriver: 'cgroupfs' },
  },
  'cgroup-drivers-differ': {
    host: { containerdVersion: '2.4.2', runtimeCgroupDriver: 'systemd', kubeletCgroupDriver: configured('cgroupfs') },
    refused: [['CgroupDriverUnknown', 'cgroupfs in /var/lib/kubelet/config.yaml', 'kubelets systemd']],
  },
  'cgroup-flag-agrees': { request: withFlags({ 'systemd-cgroup': 'T' }) },
  'cgroup-flag-contradicts': {
    request: withFlags({ 'systemd-cgroup': 'false' }),
    refused: [['RunscFlagInvalid', "handler 'runsc'", 'systemd-cgroup = "false"', 'systemd']],
  },
  'cgroup-flag-is-nonsense': {
    request: withFlags({ 'systemd-cgroup': 'yes' }),
    refused: [['RunscFlagInvalid', 'systemd-cgroup = "yes"']],
  },
  'payload-folder-noexec': {
    host: {
      targets: [
        targetOf('payload', '/opt/gvisor-injector/releases', {
          existing: '/opt',
          fileSystem: { ...space(1000), noExecution: true },
        }),
        targetOf('state', '/var/lib/gvisor-injector', { fileSystem: { ...space(1000), noExecution: true } }),
      ],
    },
    refused: [['TargetNotExecutable', '/opt/gvisor-injector/releases', 'noexec', 'only /opt is there']],
  },
  'payload-folder-read-only': {
    host: { targets: [targetOf('payload', '/opt/gvisor-injector/releases', { fileSystem: readOnly })] },
    refused: [['TargetReadOnly', '/opt/gvisor-injector/releases', 'read-only']],
  },
  'state-folder-not-writable': {
    host: { targets: [targetOf('state', '/var/lib/gvisor-injector', { existing: '/var/lib', writable: false })] },
    refused: [['TargetReadOnly', '/var/lib/gvisor-injector', 'only /var/lib is there']],
  },
  'payload-just-fits': {
    host: { targets: [targetOf('payload', '/opt/gvisor-injector/releases', { fileSystem: space(116) })] },
  },
  'payload-does-not-fit': {
    host: { targets: [targetOf('payload', '/opt/gvisor-injector/releases', { fileSystem: space(115) })] },
    refused: [['TargetFull', '/opt/gvisor-injector/releases', '115 MiB free', '116 MiB are needed']],
  },
  'state-folder-full': {
    host: { targets: [targetOf('state', '/var/lib/gvisor-injector', { fileSystem: space(0) })] },
    refused: [['TargetFull', '/var/lib/gvisor-injector', '0 MiB free']],
  },
  'configuration-read-only': {
    host: {
      targets: [
        targetOf('configuration', '/etc/containerd', { fileSystem: readOnly, writable: false }),
        targetOf('configuration', '/etc/containerd/config.toml', { fileSystem: readOnly, writable: false }),
      ],
    },
    refused: [['ConfigurationReadOnly', '/etc/containerd is', 'read-only']],
  },
  'configuration-file-is-a-read-only-mount': {
    host: {
      targets: [
        targetOf('configuration', '/etc/containerd'),
        targetOf('configuration', '/etc/containerd/config.toml', { fileSystem: readOnly }),
      ],
    },
    refused: [['ConfigurationReadOnly', '/etc/containerd/config.toml is', 'read-only']],
  },
  'configuration-links-into-a-store': {
    host: {
      configuration: { ...plain.configuration, rootPath: '/nix/store/0abc-containerd/config.toml' },
      targets: [
        targetOf('configuration', '/nix/store/0abc-containerd', { fileSystem: readOnly }),
        targetOf('configuration', '/nix/store/0abc-containerd/config.toml', { fileSystem: readOnly }),
      ],
    },
    refused: [['ConfigurationReadOnly', '/etc/containerd/config.toml leads to /nix/store/0abc-containerd/config.toml']],
  },
  'everything-at-once': {
    host: {
      architecture: 'armv7l',
      kernelRelease: '4.19.0',
      maximumUserNamespaces: 0,
      containerdVersion: '1.6.32',
      hasSELinux: true,
      kubeletCgroupDriver: undefined,
      dump: dumpOf({
        disabledPlugins: ['cri'],
        enablesSELinux: true,
        systemdCgroup: undefined,
        handlers: { runsc: 'io.containerd.runc.v2' },
      }),
      targets: PLAIN_TARGETS.map(target => ({
        ...target,
        fileSystem: { freeBytes: 0, readOnly: target.purpose === 'configuration', noExecution: true },
      })),
    },
    refused: [
      ['ArchitectureUnsupported', 'armv7l'],
      ['KernelTooOld', '4.19.0'],
      ['UserNamespacesOff', '0'],
      ['ContainerdTooOld', '1.6.32'],
      ['CRIDisabled', 'cri'],
      ['SELinuxEnabled', 'true'],
      ['HandlerTaken', 'runsc'],
      ['CgroupDriverUnknown'],
      ['TargetNotExecutable', 'noexec'],
      ['TargetFull', '/opt'],
      ['TargetFull', '/var/lib'],
      ['TargetFull', '/etc/systemd/system'],
      ['ConfigurationReadOnly', 'read-only'],
    ],
  },
};
