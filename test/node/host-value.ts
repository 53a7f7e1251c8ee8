import type { Host, Target, TargetPurpose } from '../../src/node/host/host.ts';

const GIBIBYTE = 1024 ** 3;

/** What a dump of a test says; the rest is as on a plain kubeadm node. */
export interface DumpFacts {
  readonly disabledPlugins?: readonly string[];
  readonly enablesSELinux?: boolean;
  /** Undefined: the options of runc do not say it. */
  readonly systemdCgroup?: boolean | undefined;
  /** Runtime types by the names of handlers, beside runc. */
  readonly handlers?: Readonly<Record<string, string>>;
}

/** As much of the dump of containerd 1.7 as anybody reads. */
export function dumpOf({
  disabledPlugins = [],
  enablesSELinux = false,
  handlers = {},
  ...rest
}: DumpFacts = {}): string {
  const systemdCgroup = 'systemdCgroup' in rest ? rest.systemdCgroup : true;
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    `disabled_plugins = ${JSON.stringify(disabledPlugins)}`,
    'version = 2',
    `[${cri}]`,
    `enable_selinux = ${enablesSELinux}`,
    `[${cri}.containerd]`,
    'default_runtime_name = "runc"',
    ...Object.entries({ runc: 'io.containerd.runc.v2', ...handlers }).flatMap(([name, type]) => [
      `[${cri}.containerd.runtimes.${name}]`,
      `runtime_type = "${type}"`,
    ]),
    `[${cri}.containerd.runtimes.runc.options]`,
    ...(systemdCgroup === undefined ? [] : [`SystemdCgroup = ${systemdCgroup}`]),
    '',
  ].join('\n');
}

/** A place that we write into, on a file system with room; a part of it may be otherwise. */
export function targetOf(purpose: TargetPurpose, path: string, otherwise: Partial<Target> = {}): Target {
  const fileSystem = { freeBytes: 20 * GIBIBYTE, readOnly: false, noExecution: false };
  return { purpose, path, existing: path, fileSystem, writable: true, ...otherwise };
}

/** Where an install writes on a plain host. */
export const PLAIN_TARGETS: readonly Target[] = [
  targetOf('payload', '/opt/gvisor-injector/releases', { existing: '/opt' }),
  targetOf('state', '/var/lib/gvisor-injector', { existing: '/var/lib' }),
  targetOf('units', '/etc/systemd/system'),
  targetOf('configuration', '/etc/containerd'),
  targetOf('configuration', '/etc/containerd/config.toml'),
];

/** A kubeadm node with containerd 1.7 on which gVisor can be installed; a part of it may be otherwise. */
export function hostOf(otherwise: Partial<Host> = {}): Host {
  const rootPath = '/etc/containerd/config.toml';
  return {
    machineId: '0123456789abcdef0123456789abcdef',
    bootId: '01234567-89ab-cdef-0123-456789abcdef',
    architecture: 'x86_64',
    kernelRelease: '6.12.43+deb13-amd64',
    maximumUserNamespaces: 96_365,
    hasSELinux: false,
    layout: {
      name: 'containerd',
      unit: 'containerd.service',
      configuration: rootPath,
      socket: '/run/containerd/containerd.sock',
      program: '/usr/bin/containerd',
      tried: true,
    },
    containerdVersion: '1.7.24~ds1',
    runtime: {
      conditions: [{ type: 'RuntimeReady', status: true, reason: '', message: '' }],
      handlers: ['runc'],
    },
    runtimeCgroupDriver: undefined,
    configuration: {
      root: { path: rootPath, text: 'version = 2\n', attributes: { mode: 0o644, uid: 0, gid: 0 } },
      rootPath,
      hasRootFolder: true,
      templateFolder: '/etc/containerd',
      imported: [],
      dropInFolder: undefined,
      templates: [],
      unloaded: undefined,
    },
    dump: dumpOf(),
    kubeletCgroupDriver: { driver: 'systemd', kind: 'configured', source: '/var/lib/kubelet/config.yaml' },
    targets: PLAIN_TARGETS,
    ...otherwise,
  };
}
