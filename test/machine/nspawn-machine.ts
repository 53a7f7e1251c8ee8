import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../cluster/cluster-error.ts';
import { runCommand, type RunOptions, type RunResult, tryCommand } from '../cluster/run-command.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { Cgroups } from './cgroups.ts';
import { startDaemon } from './daemon.ts';
import { killProcesses } from './kill-processes.ts';
import { removeMachineFiles } from './machine-files.ts';

/**
 * A machine with a systemd of its own, by systemd-nspawn. Its root is an overlay: shared trees below, the machine's own
 * layer on disk above, so that it keeps what it writes over a reboot and over a hard power-off. What runs is found by
 * files alone, so that another process can use the machine too.
 */
export interface MachineOptions {
  /** The name of the nspawn machine and of its daemon's cgroup: a name of the whole computer. */
  readonly name: string;
  readonly hostname: string;
  /** Where its root is mounted and its layer kept. */
  readonly folder: string;
  /** Trees below the machine's own layer, the uppermost first. */
  readonly trees: readonly string[];
  /** A bridge to be connected to by `host0`; without one the machine has a loopback link only. */
  readonly bridge?: string;
  readonly binds: readonly Bind[];
  readonly cgroups: Cgroups;
  /** Its console's output, also of earlier boots. */
  readonly logFile: string;
  /** The command by which it is started, such as one that enters a network namespace first. */
  readonly within?: (command: readonly string[]) => readonly string[];
}

/** A file or folder of this computer that the machine sees. */
export interface Bind {
  readonly from: string;
  /** An absolute path in the machine. */
  readonly to: string;
  readonly readOnly: boolean;
}

/** One machine. */
export interface NspawnMachine {
  /** Its root folder, for files that are written before it boots. */
  readonly root: string;
  /** Makes its folders and mounts its root. */
  mount(): Promise<void>;
  /** Unmounts its root; the machine is off. */
  unmount(): Promise<void>;
  /** Starts it and waits until its systemd has started everything. @throws {ClusterError} */
  boot(signal?: AbortSignal): Promise<void>;
  /** `systemctl reboot` in it; waits until it is up again. @throws {ClusterError} */
  reboot(signal?: AbortSignal): Promise<void>;
  /** Takes its power away: kills all its processes at once. No error when it is off. @throws {ClusterError} */
  powerOff(): Promise<void>;
  /** Its process 1, as this computer counts. Undefined while it is off, or between two boots. */
  leader(): Promise<number | undefined>;
  /** Arguments of nsenter, to be followed by a command. @throws {ClusterError} when it does not run */
  enterArguments(): Promise<readonly string[]>;
  /** Runs a command in it, whatever its exit code. @throws {ClusterError} when it does not run */
  tryRun(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Runs a command in it that must succeed; returns its standard output. @throws {ClusterError} */
  run(command: readonly string[], options?: RunOptions): Promise<string>;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const BOOT_SECONDS = 60;
const POLL_MILLISECONDS = 25;
/** The process that starts nspawn again; the machine's own process 1 is a child of its child. */
const SUPERVISOR_FILE = 'supervisor.pid';

/** A machine by its options; nothing happens yet. */
export function nspawnMachine(options: MachineOptions): NspawnMachine {
  const { name, folder, cgroups } = options;
  const root = join(folder, 'root');
  const enterArguments = async (): Promise<readonly string[]> => {
    const id = await leaderOf(folder);
    if (id === undefined) throw new ClusterError(`${name} does not run`);
    return entering(id);
  };
  const tryRun: NspawnMachine['tryRun'] = async (command, runOptions) =>
    await tryCommand('nsenter', [...(await enterArguments()), ...command], runOptions);
  return {
    root,
    mount: async () => await mountRoot(options),
    unmount: async () => void (await runCommand('umount', [root])),
    boot: async signal => {
      const groups = await cgroups.create(name);
      const id = await startDaemon({ command: supervisorCommand(options), groups, logFile: options.logFile });
      await writeFile(join(folder, SUPERVISOR_FILE), String(id));
      await waitUntilRunning(options, { signal });
    },
    reboot: async signal => {
      const former = await leaderOf(folder);
      await tryRun(['systemctl', 'reboot']);
      await waitUntilRunning(options, { former, signal });
    },
    powerOff: async () => {
      await killProcesses(async () => await cgroups.processes(name));
      await cgroups.remove(name);
      await removeMachineFiles({ name, root });
    },
    leader: async () => await leaderOf(folder),
    enterArguments,
    tryRun,
    run: async (command, runOptions) =>
      await runCommand('nsenter', [...(await enterArguments()), ...command], runOptions),
  };
}

async function mountRoot({ name, folder, trees }: MachineOptions): Promise<void> {
  for (const part of ['root', 'upper', 'work']) await mkdir(join(folder, part), { recursive: true });
  const layers = `lowerdir=${trees.join(':')},upperdir=${join(folder, 'upper')},workdir=${join(folder, 'work')}`;
  await runCommand('mount', ['-t', 'overlay', name, '-o', layers, join(folder, 'root')]);
}

function supervisorCommand(options: MachineOptions): readonly string[] {
  const { name, hostname, folder, bridge, binds, within = command => command } = options;
  return within([
    '/bin/sh',
    join(import.meta.dirname, 'start-again.sh'),
    'systemd-nspawn',
    '--quiet',
    `--directory=${join(folder, 'root')}`,
    `--machine=${name}`,
    `--hostname=${hostname}`,
    '--register=no',
    '--keep-unit',
    '--capability=all',
    '--private-users=no',
    '--system-call-filter=@known',
    bridge === undefined ? '--private-network' : `--network-bridge=${bridge}`,
    '--bind=/dev/kmsg',
    ...binds.map(({ from, to, readOnly }) => `--bind${readOnly ? '-ro' : ''}=${from}:${to}`),
    '--boot',
  ]);
}

async function waitUntilRunning(
  { name, folder, logFile }: MachineOptions,
  { former, signal }: { readonly former?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  await waitUntil({
    what: `${name} to boot`,
    seconds: BOOT_SECONDS,
    intervalMilliseconds: POLL_MILLISECONDS,
    check: async () => {
      const id = await leaderOf(folder);
      if (id === undefined || id === former || !(await hasSystemd(id))) return undefined;
      const wait = [...entering(id), 'systemctl', 'is-system-running', '--wait'];
      const { stdout } = await tryCommand('nsenter', wait, { timeout: BOOT_SECONDS * 1000 });
      return /^(running|degraded)$/.test(stdout.trim()) ? stdout : undefined;
    },
    logFile,
    signal,
  });
}

async function hasSystemd(leader: number): Promise<boolean> {
  return (await stat(`/proc/${leader}/root/run/systemd/private`).catch(() => undefined)) !== undefined;
}

function entering(leader: number): readonly string[] {
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
  return [`--target=${leader}`, ...namespaces, '--root', '--wd', '--', 'env', '-i', `PATH=${PATH}`, 'TERM=linux'];
}

async function leaderOf(folder: string): Promise<number | undefined> {
  const supervisor = await readFile(join(folder, SUPERVISOR_FILE), 'utf8').catch(() => '');
  for (const nspawn of await childrenOf(supervisor)) {
    for (const child of await childrenOf(nspawn)) if (await isFirstOfItsKind(child)) return Number(child);
  }
  return undefined;
}

async function childrenOf(id: string): Promise<readonly string[]> {
  const text = await readFile(`/proc/${id}/task/${id}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(child => child !== '');
}

/** True for process 1 of a PID namespace below ours: nspawn has other children while it sets the machine up. */
async function isFirstOfItsKind(id: string): Promise<boolean> {
  const text = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
  return /^NSpid:\s+\d+\s+1$/m.test(text);
}
