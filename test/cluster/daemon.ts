import { join } from 'node:path';
import * as machine from '../machine/daemon.ts';
import { createGroups } from './cgroups.ts';
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
  return await machine.startDaemon({ command: inNetworkNamespace(command), groups, logFile: logFile(name) });
}

/**
 * A command in the cluster's network namespace. Not by `ip netns exec`, which mounts a /sys of its own that has no
 * cgroups in it.
 */
export function inNetworkNamespace(command: readonly string[]): readonly [string, ...string[]] {
  return ['nsenter', `--net=/run/netns/${CLUSTER_NAME}`, '--', ...command];
}
