import { printable } from '../../policy/printable.ts';
import { judgeContainerdVersion } from '../containerd/containerd-version.ts';
import { enablesSELinux, handlersOf, parseDump } from '../containerd/dump.ts';
import { GVISOR_RUNTIME_TYPE } from '../containerd/handler-tables.ts';
import { CRI_PLUGINS } from '../containerd/judge-configuration.ts';
import { stringsOf, valueAt } from '../containerd/toml.ts';
import type { NodeReason, Refusal } from '../reason.ts';
import { flagContradictions } from '../runsc/runsc-configuration.ts';
import { cgroupDriverOf, contradiction } from './cgroup-driver.ts';
import type { CgroupDriver, Host } from './host.ts';
import { judgeTargets } from './preflight-targets.ts';

/** What an install wants of a host. */
export interface PreflightRequest {
  readonly handlers: readonly {
    readonly name: string;
    /** runsc flags without dashes, as in the policy's profile. */
    readonly flags: Readonly<Record<string, string>>;
  }[];
  /** Bytes that the payload needs on the disk; 0 when it is there already. */
  readonly payloadBytes: number;
  /** What a person says that the driver is. */
  readonly cgroupDriver: CgroupDriver | undefined;
}

const ARCHITECTURES = ['x86_64', 'aarch64'] as const;
/** gVisor's own minimum (gvisor: g3doc/user_guide/install.md, August 2026). */
const OLDEST_KERNEL = { major: 5, minor: 6 } as const;
const MESSAGE_LENGTH = 80;

/**
 * Everything that keeps gVisor from being installed on a host, not only the first of it; empty when nothing does. What
 * keeps a host from being read, such as an unknown layout, is an error of `readHost()`.
 */
export function preflight(host: Host, request: PreflightRequest): readonly Refusal[] {
  return [
    ...judgeArchitecture(host),
    ...judgeKernel(host),
    ...judgeUserNamespaces(host),
    ...judgeContainerd(host),
    ...judgeSELinux(host),
    ...judgeHandlers(host, request),
    ...judgeCgroupDriver(host, request),
    ...judgeTargets(host, request.payloadBytes),
  ];
}

function refusal(reason: NodeReason, sentence: string, hint: string): readonly Refusal[] {
  return [{ reason, sentence, hint }];
}

function judgeArchitecture({ architecture }: Host): readonly Refusal[] {
  if (ARCHITECTURES.some(known => known === architecture)) return [];
  return refusal(
    'ArchitectureUnsupported',
    `the host's architecture is ${architecture}, and gVisor is built for ${ARCHITECTURES.join(' and ')}`,
    'Keep sandboxes to nodes of these architectures',
  );
}

function judgeKernel({ kernelRelease }: Host): readonly Refusal[] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernelRelease) ?? [];
  const { major: oldestMajor, minor: oldestMinor } = OLDEST_KERNEL;
  const isNewer = Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
  if (isNewer) return [];
  return refusal(
    'KernelTooOld',
    `the kernel is ${printable(kernelRelease, MESSAGE_LENGTH)}, and gVisor needs ${oldestMajor}.${oldestMinor} or later`,
    "Upgrade the node's kernel",
  );
}

function judgeUserNamespaces({ maximumUserNamespaces: maximum }: Host): readonly Refusal[] {
  if (maximum !== undefined && maximum > 0) return [];
  const sysctl = 'user.max_user_namespaces';
  return maximum === undefined
    ? refusal(
        'UserNamespacesOff',
        `the kernel has no user namespaces: there is no sysctl ${sysctl}`,
        'Use a kernel with CONFIG_USER_NS',
      )
    : refusal(
        'UserNamespacesOff',
        `the sysctl ${sysctl} is ${maximum}, and every sandbox needs a user namespace`,
        `Set it to 256 or more, with 'sysctl -w ${sysctl}=15000' and in a file of /etc/sysctl.d`,
      );
}

function judgeContainerd({ containerdVersion, dump, runtime, layout }: Host): readonly Refusal[] {
  const version = judgeContainerdVersion(containerdVersion);
  const versionRefusals = version === undefined ? [] : [version];
  const disabled = stringsOf(valueAt(parseDump(dump), 'disabled_plugins'));
  const cri = disabled.filter(plugin => CRI_PLUGINS.includes(plugin));
  if (cri.length > 0) {
    const sentence = `disabled_plugins has ${cri.map(name => `'${name}'`).join(' and ')} in ${layout.configuration} or a file that it imports`;
    const hint = `Take it out and restart ${layout.unit}: a kubelet needs CRI, and so does gVisor`;
    return [...versionRefusals, ...refusal('CRIDisabled', sentence, hint)];
  }
  if (runtime.conditions.length > 0) return versionRefusals;
  const sentence = `containerd answers at ${layout.socket}, but its CRI plugin has not loaded`;
  const hint = `'journalctl -u ${layout.unit}' says why; put that right first`;
  return [...versionRefusals, ...refusal('RuntimeNotLoaded', sentence, hint)];
}

function judgeSELinux({ hasSELinux, dump, layout }: Host): readonly Refusal[] {
  if (!hasSELinux || !enablesSELinux(dump)) return [];
  return refusal(
    'SELinuxEnabled',
    `SELinux is on, and containerd gives containers labels of it (enable_selinux = true in ${layout.configuration}), under which gVisor's processes do not run`,
    'Set enable_selinux = false for nodes that run sandboxes, or use nodes without SELinux',
  );
}

function judgeHandlers({ dump, layout }: Host, { handlers }: PreflightRequest): readonly Refusal[] {
  const present = handlersOf(dump);
  return handlers.flatMap(({ name }) => {
    const type = present.get(name)?.runtimeType;
    if (type === undefined || type === GVISOR_RUNTIME_TYPE) return [];
    return refusal(
      'HandlerTaken',
      `handler '${name}' is there already, with runtime_type '${printable(type, MESSAGE_LENGTH)}' in ${layout.configuration} or a file that it imports, not ${GVISOR_RUNTIME_TYPE}`,
      "Give the profile another handler in the policy, or take this one out of containerd's configuration",
    );
  });
}

function judgeCgroupDriver(host: Host, { handlers, cgroupDriver }: PreflightRequest): readonly Refusal[] {
  const driver = cgroupDriverOf(host, cgroupDriver);
  if (driver !== undefined) return handlers.flatMap(({ name, flags }) => flagContradictions(name, flags, driver));
  const different = contradiction(host);
  const hint =
    "Say it: --cgroup-driver systemd, or cgroupfs; it must be the kubelet's, or the limits of Pods do not hold";
  return different === undefined
    ? refusal(
        'CgroupDriverUnknown',
        `nothing says which cgroup driver the kubelet uses: no cgroup of Pods in /sys/fs/cgroup, no kubelet's configuration, and no SystemdCgroup of runc in ${host.layout.configuration}`,
        hint,
      )
    : refusal(
        'CgroupDriverUnknown',
        `the kubelet's cgroup driver is ${different.kubelet.driver} in ${different.kubelet.source}, but containerd tells kubelets ${different.told}, and those from 1.31 on obey`,
        hint,
      );
}
