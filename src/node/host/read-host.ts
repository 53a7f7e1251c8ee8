import { printable } from '../../policy/printable.ts';
import { CANDIDATE_FOLDER, CANDIDATE_ROOT, type ContainerdConfiguration } from '../containerd/configuration.ts';
import { type ContainerdVersion, parseContainerdVersion } from '../containerd/containerd-version.ts';
import { parseDump } from '../containerd/dump.ts';
import { emptyRoot } from '../containerd/judge-configuration.ts';
import { readConfiguration } from '../containerd/read-configuration.ts';
import { detectLayout } from '../layout/detect-layout.ts';
import type { Layout } from '../layout/layout.ts';
import { readLayoutFacts } from '../layout/read-layout-facts.ts';
import { NodeError } from '../node-error.ts';
import type { ContainerRuntime, RuntimeStatus } from '../runtime/container-runtime.ts';
import { withFolder } from '../systemd/scratch-folder.ts';
import type { Systemd } from '../systemd/systemd.ts';
import type { CgroupDriver, Host } from './host.ts';
import type { HostFiles } from './host-files.ts';
import { type KernelFacts, readKernelFacts } from './kernel-facts.ts';
import { readKubeletCgroupDriver } from './kubelet-cgroup-driver.ts';
import { readMachineId } from './machine-id.ts';
import { judgeStateFolder } from './preflight-targets.ts';
import { replaceFile } from './replace-file.ts';
import { readTargets } from './targets.ts';

/** Everything that a host is read from. */
export interface HostSources {
  readonly files: HostFiles;
  readonly systemd: Systemd;
  /** Opens CRI at a socket of the host. */
  readonly connectRuntime: (socket: string) => ContainerRuntime;
  /** The kernel that runs; asked itself unless somebody else answers. */
  readonly readKernel?: () => Promise<KernelFacts>;
}

/**
 * Reads a host to one value. Nothing is changed: what `config dump` prints goes through a file of our state's folder, and
 * that is gone again. The dump is TOML.
 *
 * What comes from where: the kernel's facts from the kernel that runs, which a container shares with its host; machine
 * id, configuration, the kubelet's files and cgroups, and the folders to write into from the host's files; units, and
 * what `config dump` prints, from the host's systemd; version, conditions and handlers from the socket of the unit that
 * is active.
 *
 * @param recordedPath the file that the record says our entry is in; it is read also when containerd does not load it
 * @throws {NodeError} LayoutUnknown, LayoutAmbiguous, LayoutUnsupported, ConfigurationInvalid, ContainerdUnreachable,
 *   SystemdUnreachable, and TargetReadOnly or TargetFull for the folder of our state
 */
export async function readHost(
  { files, systemd, connectRuntime, readKernel = readKernelFacts }: HostSources,
  recordedPath?: string,
): Promise<Host> {
  const layout = detectLayout(await readLayoutFacts(files, systemd));
  if ('reason' in layout) throw new NodeError('NodeRefused', layout);
  const kernel = await readKernel();
  const configuration = await readConfiguration(files, layout, recordedPath);
  const runtime = await readRuntime(connectRuntime(layout.socket));
  const sources = { files, systemd, layout };
  const targets = await readTargets(files, configuration);
  const blocked = judgeStateFolder(targets);
  if (blocked !== undefined) throw new NodeError('NodeRefused', blocked);
  return {
    machineId: await readMachineId(files),
    bootId: kernel.bootId,
    architecture: kernel.architecture,
    kernelRelease: kernel.release,
    maximumUserNamespaces: kernel.maximumUserNamespaces,
    hasSELinux: kernel.hasSELinux,
    layout,
    ...runtime,
    configuration,
    dump: await readDump(sources, configuration, parseContainerdVersion(runtime.containerdVersion)),
    kubeletCgroupDriver: await readKubeletCgroupDriver({ files, systemd }, layout),
    targets,
  };
}

/** What the container runtime says of itself. */
interface RuntimeFacts {
  readonly containerdVersion: string;
  readonly runtime: RuntimeStatus;
  readonly runtimeCgroupDriver: CgroupDriver | undefined;
}

const NOT_LOADED: RuntimeStatus = { conditions: [], handlers: [] };

async function readRuntime(runtime: ContainerRuntime): Promise<RuntimeFacts> {
  try {
    return {
      containerdVersion: await runtime.version(),
      runtime: await statusIfLoaded(runtime),
      runtimeCgroupDriver: await runtime.cgroupDriver(),
    };
  } finally {
    runtime.close();
  }
}

/** A containerd without CRI is no failure of reading: preflight says why, from the configuration. */
async function statusIfLoaded(runtime: ContainerRuntime): Promise<RuntimeStatus> {
  try {
    return await runtime.status();
  } catch (error) {
    if (error instanceof NodeError && error.reason === 'RuntimeNotLoaded') return NOT_LOADED;
    throw error;
  }
}

const DUMP_SECONDS = 30;
const MESSAGE_LENGTH = 500;

/** What a configuration is dumped with. */
interface DumpSources {
  readonly files: HostFiles;
  readonly systemd: Systemd;
  readonly layout: Layout;
}

/**
 * What the node's own containerd makes of its configuration, asked on the host. Without a root file, containerd below 2.0
 * dumps nothing: it is asked about one that says nothing, which comes to the same.
 */
async function readDump(
  sources: DumpSources,
  { root }: ContainerdConfiguration,
  version: ContainerdVersion | undefined,
): Promise<string> {
  const { files, layout } = sources;
  if (root !== undefined || version === undefined) return await dump(sources, layout.configuration);
  return await withFolder(files, CANDIDATE_FOLDER, async () => {
    await replaceFile(files, CANDIDATE_ROOT, emptyRoot(version), { mode: 0o600, uid: 0, gid: 0 });
    try {
      return await dump(sources, CANDIDATE_ROOT);
    } finally {
      await files.removeFile(CANDIDATE_ROOT);
    }
  });
}

async function dump({ systemd, layout }: DumpSources, path: string): Promise<string> {
  const command = [layout.program, '--config', path, 'config', 'dump'];
  const { exitCode, stdout, stderr } = await systemd.run({ purpose: 'dump', command, timeoutSeconds: DUMP_SECONDS });
  if (exitCode === 0) {
    parseDump(stdout);
    return stdout;
  }
  const outcome = exitCode === undefined ? `did not end within ${DUMP_SECONDS} s` : `failed with exit code ${exitCode}`;
  throw new NodeError('NodeRefused', {
    reason: 'ConfigurationInvalid',
    sentence: `'${command.join(' ')}' ${outcome}: ${printable(stderr.trim(), MESSAGE_LENGTH)}`,
    hint: 'The next restart of containerd would fail as well: put its configuration right first',
  });
}
