import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { ClusterError } from '../cluster/cluster-error.ts';
import { enterGroups } from './cgroups.ts';

/** A program that goes on after this process has ended. */
export interface DaemonOptions {
  readonly command: readonly string[];
  /** Folders of the cgroups that it joins. */
  readonly groups: readonly string[];
  /** Its output is added to this file. */
  readonly logFile: string;
}

/** Starts a program in cgroups of its own. Returns its process id. @throws {ClusterError} */
export async function startDaemon({ command, groups, logFile }: DaemonOptions): Promise<number> {
  const [program, ...args] = enterGroups(groups, command);
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    child.once('error', () => undefined);
    child.unref();
    // One turn, so that a program that is not there is told from one that runs.
    await setTimeout(0);
    if (child.pid === undefined) throw new ClusterError(`Cannot start ${command.join(' ').slice(0, 100)}`);
    return child.pid;
  } finally {
    closeSync(log);
  }
}
