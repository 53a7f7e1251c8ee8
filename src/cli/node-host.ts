import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../errors/user-error.ts';
import { type ChangeContext, type ChangeTimes, GATE_SECONDS, ROLLBACK_AFTER_SECONDS } from '../node/change/context.ts';
import { openHostFiles } from '../node/host/local-host-files.ts';
import { NodeError } from '../node/node-error.ts';
import { connectRuntime } from '../node/runtime/connect-runtime.ts';
import { connectSystemd } from '../node/systemd/connect-systemd.ts';
import { holdLock } from '../node/systemd/lock.ts';
import type { CommandIO } from './command.ts';

/** The private socket of systemd, as a path of the host. */
const SYSTEMD_SOCKET = '/run/systemd/private';

/** Which host, and how. */
export interface HostAccess {
  /** The folder here in which the host's root is. */
  readonly root: string;
  readonly times?: ChangeTimes;
  /** Keeps others from changing the host meanwhile; a look needs none. */
  readonly exclusive: boolean;
}

/**
 * Opens the host, and closes it whatever happens.
 *
 * @throws {NodeError} SystemdUnreachable, Busy, StorageFailed, and whatever `use` throws
 */
export async function withHost<Result>(
  { root, times = { gateSeconds: GATE_SECONDS, rollbackAfterSeconds: ROLLBACK_AFTER_SECONDS }, exclusive }: HostAccess,
  io: CommandIO,
  use: (context: ChangeContext) => Promise<Result>,
): Promise<Result> {
  // A terminal that goes away must not end a change half-way: nobody reads what is told, and the change goes on.
  io.stderr.on('error', () => undefined);
  const files = openHostFiles(root);
  const systemd = await connectSystemd({ socket: join(root, SYSTEMD_SOCKET), files });
  try {
    const release = exclusive ? await holdLock({ systemd, files, root }) : undefined;
    try {
      return await use({
        files,
        systemd,
        connectRuntime: socket => connectRuntime({ socket: join(root, socket) }),
        clock: { now: () => performance.now(), sleep: milliseconds => setTimeout(milliseconds) },
        times,
        report: sentence => void io.stderr.write(`- ${sentence}\n`),
      });
    } finally {
      await release?.();
    }
  } catch (error) {
    throw asStorageFailure(error);
  } finally {
    await systemd.close();
  }
}

/** A disk that is full, read-only or broken is no fault of ours: it is said as such, and never with a stack trace. */
function asStorageFailure(error: unknown): unknown {
  const code = systemErrorCode(error);
  if (error instanceof NodeError || code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  return new NodeError(
    'NodeFailed',
    {
      reason: 'StorageFailed',
      sentence: error instanceof Error ? error.message : code,
      hint: 'What was begun is put back, or ends at the next run; free the disk, or run as root, and run it again',
    },
    { cause: error },
  );
}
