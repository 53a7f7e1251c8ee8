import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createGroups, enterGroups } from './cgroups.ts';
import { ClusterError } from './cluster-error.ts';
import { CLUSTER_NAME, LOG_FOLDER } from './layout.ts';

/** A program of the cluster that goes on after this process has ended. */
export interface DaemonOptions {
  /** Names its log file and, unless `group` does, its groups. */
  readonly name: string;
  readonly command: readonly string[];
  readonly group?: string;
}

/** The log file of a daemon. */
export function logFile(name: string): string {
  return join(LOG_FOLDER, `${name}.log`);
}

/** Starts a program in the cluster's network namespace and in groups of its own. Returns its process id. */
export async function startDaemon({ name, command, group = name }: DaemonOptions): Promise<number> {
  const groups = await createGroups(group);
  const [program, ...args] = enterGroups(groups, inNetworkNamespace(command));
  const log = openSync(logFile(name), 'a');
  try {
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    child.once('error', () => undefined);
    child.unref();
    // One turn, so that a program that is not there is told from one that runs.
    await setTimeout(0);
    if (child.pid === undefined) throw new ClusterError(`Cannot start ${name}`);
    return child.pid;
  } finally {
    closeSync(log);
  }
}

/**
 * A command in the cluster's network namespace. Not by `ip netns exec`, which mounts a /sys of its own that has no
 * cgroups in it.
 */
export function inNetworkNamespace(command: readonly string[]): readonly [string, ...string[]] {
  return ['nsenter', `--net=/run/netns/${CLUSTER_NAME}`, '--', ...command];
}
