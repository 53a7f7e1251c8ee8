import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerdSource, REPOSITORY } from '../cluster/layout.ts';
import { runCommand, type RunOptions, type RunResult } from '../cluster/run-command.ts';
import { TEST_IMAGE } from '../cluster/test-image.ts';
import { cgroupsOf } from '../machine/cgroups.ts';
import { containerdScript } from '../machine/container-host.ts';
import { type Bind, type MachineOptions, nspawnMachine, type NspawnMachine } from '../machine/nspawn-machine.ts';
import { HOST_UNITS, MASKED_UNITS, writeHostFiles } from './host-files.ts';
import type { HostParts } from './host-parts.ts';
import { HOST_PATHS, hostFolder, hostMachineName, HOSTS_NAME } from './layout.ts';

/** Which host. */
export interface HostOptions {
  /** Its host name, and part of its machine's: letters, digits and dashes. */
  readonly name: string;
  /** Debian's containerd 1.7, or the Go module's 2.x. */
  readonly containerd: ContainerdSource;
  readonly parts: HostParts;
}

/**
 * A machine with systemd and containerd: no kubelet, no control plane, no network but its own. It has an image for
 * sandboxes and containers (TEST_IMAGE), `crictl` and `node`, and what {@link HOST_PATHS} names.
 */
export interface TestHost {
  readonly name: string;
  readonly containerd: ContainerdSource;
  /** Boot, reboot, hard power-off. */
  readonly machine: NspawnMachine;
  /** Runs a command in it that must succeed; returns its standard output. @throws {ClusterError} */
  run(command: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs a command in it, whatever its exit code. */
  tryRun(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Runs a program of the repository in it, such as `src/cli/main.ts`, whatever its exit code. */
  node(script: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /**
   * Where a socket of the host is for this process, while the host is on. Not for files: a path through `/proc/ID/root`
   * without its links is a path of this computer. And not for systemd, which listens to nobody whose process id it
   * cannot see.
   */
  socket(path: string): Promise<string>;
  /** Keeps everything that is on its disk under a name; the host is off meanwhile, and boots. */
  snapshot(name: string): Promise<void>;
  /** Takes its power away, puts its disk back to a snapshot (default: as it was created) and boots it. */
  restore(name?: string): Promise<void>;
}

const CREATED = 'created';
/** On disk: the overlay's upper folder, and containerd's own, which cannot be on an overlay. */
const DISK_FOLDERS = ['upper', 'containerd'] as const;

/** Creates a host and boots it. @throws {ClusterError} */
export async function createHost({ name, containerd, parts }: HostOptions): Promise<TestHost> {
  const folder = hostFolder(name);
  await mkdir(join(folder, 'containerd'), { recursive: true });
  const machine = hostMachine(name, { trees: [parts.tree], binds: hostBinds({ folder, containerd, parts }) });
  await machine.mount();
  await writeHostFiles(machine.root, { name, containerd });
  await runCommand('systemctl', [`--root=${machine.root}`, 'enable', '--quiet', ...HOST_UNITS]);
  await runCommand('systemctl', [`--root=${machine.root}`, 'mask', '--quiet', ...MASKED_UNITS]);
  await machine.boot();
  const programs = containerd === 'module' ? HOST_PATHS.containerd : undefined;
  await machine.run(['sh', '-euc', containerdScript({ sandboxImage: TEST_IMAGE, programs })]);
  await machine.run(['systemctl', 'restart', 'containerd.service']);
  await importImage(machine, { folder, containerd, archive: parts.testImage });
  const host = testHost({ name, containerd }, machine);
  await host.snapshot(CREATED);
  return host;
}

/** The machine of a host that runs, perhaps created by another process: to run commands in it. */
export function startedHost(name: string): Pick<NspawnMachine, 'enterArguments' | 'run' | 'tryRun'> {
  return hostMachine(name, { trees: [], binds: [] });
}

function hostMachine(name: string, made: Pick<MachineOptions, 'trees' | 'binds'>): NspawnMachine {
  const folder = hostFolder(name);
  return nspawnMachine({
    ...made,
    name: hostMachineName(name),
    hostname: name,
    folder,
    cgroups: cgroupsOf(HOSTS_NAME),
    logFile: join(folder, 'console.log'),
  });
}

function testHost({ name, containerd }: Omit<HostOptions, 'parts'>, machine: NspawnMachine): TestHost {
  const folder = hostFolder(name);
  return {
    name,
    containerd,
    machine,
    run: async (command, options) => await machine.run(command, options),
    tryRun: async (command, options) => await machine.tryRun(command, options),
    node: async (script, args, options) => await machine.tryRun(nodeCommand(script, args), options),
    socket: async path => `/proc/${await machine.leader()}/root${path}`,
    snapshot: async snapshot => {
      await machine.powerOff();
      await copyDisk(folder, join(folder, 'snapshots', snapshot));
      await machine.boot();
    },
    restore: async (snapshot = CREATED) => {
      await machine.powerOff();
      await machine.unmount();
      await copyDisk(join(folder, 'snapshots', snapshot), folder);
      await rm(join(folder, 'work'), { recursive: true, force: true });
      await machine.mount();
      await machine.boot();
    },
  };
}

/** The command by which a program of the repository runs in a host. */
export function nodeCommand(script: string, args: readonly string[]): readonly [string, ...string[]] {
  return ['node', `${HOST_PATHS.repository}/${script}`, ...args];
}

async function copyDisk(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const part of DISK_FOLDERS) {
    await rm(join(to, part), { recursive: true, force: true });
    // With what an overlay keeps in extended attributes and device files.
    await runCommand('cp', ['--archive', join(from, part), join(to, part)]);
  }
}

function hostBinds({
  folder,
  containerd,
  parts: { programs },
}: {
  readonly folder: string;
  readonly containerd: ContainerdSource;
  readonly parts: HostParts;
}): readonly Bind[] {
  const programBinds = [
    { from: REPOSITORY, to: HOST_PATHS.repository, readOnly: true },
    { from: programs.gvisor, to: HOST_PATHS.gvisor, readOnly: true },
    { from: programs.criTools, to: HOST_PATHS.criTools, readOnly: true },
  ];
  const module = { from: programs.containerd, to: HOST_PATHS.containerd, readOnly: true };
  return [
    { from: join(folder, 'containerd'), to: '/var/lib/containerd', readOnly: false },
    ...programBinds,
    ...(containerd === 'module' ? [module] : []),
  ];
}

/** The archive is copied to where the host sees it; images of CRI are in containerd's namespace `k8s.io`. */
async function importImage(
  machine: NspawnMachine,
  options: { readonly folder: string; readonly containerd: ContainerdSource; readonly archive: string },
): Promise<void> {
  const { folder, containerd, archive } = options;
  const file = 'image-to-import.tar';
  await copyFile(archive, join(folder, 'containerd', file));
  const ctr = containerd === 'module' ? `${HOST_PATHS.containerd}/ctr` : 'ctr';
  await machine.run([ctr, '--namespace=k8s.io', 'images', 'import', `/var/lib/containerd/${file}`]);
  await rm(join(folder, 'containerd', file));
}
