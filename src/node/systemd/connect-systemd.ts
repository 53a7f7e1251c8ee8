import { STATE_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { Manager, MANAGER_TIMES, type ManagerTimes } from './manager.ts';
import { removeFinishedRuns, runOnHost } from './run-on-host.ts';
import { readUnit } from './read-unit.ts';
import type { Systemd } from './systemd.ts';
import { startService } from './start-service.ts';

/** Which systemd. */
export interface SystemdOptions {
  /** Its private socket as it is seen here, such as `/run/systemd/private` below the host's root. */
  readonly socket: string;
  /** The files of the same host. */
  readonly files: HostFiles;
  /** Default: {@link MANAGER_TIMES} */
  readonly times?: ManagerTimes;
  /** Default: this process's own, which must be root's for systemd to listen. */
  readonly uid?: number;
}

/** Where the output of programs is while they run. */
const OUTPUT_FOLDER = `${STATE_FOLDER}/output`;

/**
 * Connects to the host's systemd, and again where systemd has closed the connection meanwhile.
 *
 * @throws {NodeError} SystemdUnreachable
 */
export async function connectSystemd({
  socket,
  files,
  times = MANAGER_TIMES,
  uid = process.geteuid?.() ?? 0,
}: SystemdOptions): Promise<Systemd> {
  const manager = new Manager({ socket, uid, times });
  await manager.open();
  const runs = { manager, files, folder: OUTPUT_FOLDER };
  const job = async (member: string, unit: string): Promise<string> =>
    await manager.job({ member, signature: 'ss', values: [unit, 'replace'] });
  return {
    unit: async name => await readUnit(manager, name),
    run: async command => await runOnHost(runs, command),
    startService: async service => await startService(manager, service),
    removeFinishedRuns: async () => await removeFinishedRuns(runs),
    restart: async unit => await job('RestartUnit', unit),
    start: async unit => await job('StartUnit', unit),
    stop: async unit => {
      const result = await job('StopUnit', unit);
      return result === 'NoSuchUnit' ? 'done' : result;
    },
    resetFailed: async unit => await manager.resetFailed(unit),
    reload: async () => await manager.call({ member: 'Reload', timeoutMilliseconds: times.reload }),
    close: async () => await manager.close(),
  };
}
