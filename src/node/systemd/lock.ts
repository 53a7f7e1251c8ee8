import { close, constants, open, write } from 'node:fs';
import { setTimeout as sleepReally } from 'node:timers/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemErrorCode } from '../../errors/user-error.ts';
import { STATE_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { NodeError } from '../node-error.ts';
import { withFolder } from './scratch-folder.ts';
import type { Systemd } from './systemd.ts';

/** What a lock is taken with. */
export interface LockOptions {
  readonly systemd: Systemd;
  readonly files: HostFiles;
  /** The folder here in which the host's root is, such as `/`. */
  readonly root: string;
  /** Default: of real time. */
  readonly sleep?: Sleep;
}

type Sleep = (milliseconds: number) => Promise<unknown>;

/** The unit that is the lock. */
export const LOCK_UNIT = 'gvisor-injector-lock.service';

const PIPE = `${STATE_FOLDER}/lock`;
/** Not blocking: there may be nobody at the other end any more. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** For the host's shell to make the pipe, and for us to open it. */
const HANDSHAKE_SECONDS = 15;
/** The unit of a holder that has just died is there a moment longer. */
const BUSY_MILLISECONDS = 2000;
const BUSY_POLL_MILLISECONDS = 50;
const POLL_MILLISECONDS = 10;

/**
 * What the unit runs. It makes the pipe, waits a while until somebody has written into it, and then reads until the last
 * who writes has gone. So that no step waits for ever for an agent that has died, it is itself a
 * writer at first: to open a pipe is to wait for the other end.
 */
const SCRIPT = `set -eu
umask 077
rm -f "$1"
mkfifo "$1"
exec 3<>"$1" 4<"$1"
timeout ${HANDSHAKE_SECONDS} head -c 1 <&4 >/dev/null || :
rm -f "$1"
exec 3>&-
exec cat <&4 >/dev/null
`;

/**
 * Keeps others from changing this host, in whatever container they are, until it is released or this process ends,
 * however it does: the lock is a unit of the host's systemd, and the unit reads from a pipe that this process holds
 * open. The kernel closes it with the process.
 *
 * @returns what releases it
 * @throws {NodeError} Busy when another holds it
 */
export async function holdLock({
  systemd,
  files,
  root,
  sleep = sleepReally,
}: LockOptions): Promise<() => Promise<void>> {
  const held = await withFolder(files, STATE_FOLDER, async () => {
    await startHolder(systemd, sleep);
    const pipe = await openPipe(join(root, await files.resolve(STATE_FOLDER), 'lock'), sleep);
    await files.removeFile(PIPE);
    await promisify(write)(pipe, Uint8Array.of(0));
    return pipe;
  });
  const release = async (): Promise<void> => {
    await promisify(close)(held);
    // So that it is free when this has ended; it ends by itself all the same.
    await systemd.stop(LOCK_UNIT).catch(() => undefined);
  };
  try {
    await systemd.removeFinishedRuns();
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

async function startHolder(systemd: Systemd, sleep: Sleep): Promise<void> {
  const command = ['/bin/sh', '-c', SCRIPT, 'lock', PIPE] as const;
  const service = { unit: LOCK_UNIT, description: 'gvisor-injector changes this host', command };
  for (let waited = 0; waited <= BUSY_MILLISECONDS; waited += BUSY_POLL_MILLISECONDS) {
    if (await systemd.startService(service)) return;
    await sleep(BUSY_POLL_MILLISECONDS);
  }
  throw new NodeError('NodeRefused', {
    reason: 'Busy',
    sentence: `another gvisor-injector changes this host: ${LOCK_UNIT} is active`,
    hint: `Wait for it; 'systemctl status ${LOCK_UNIT}' says since when, and it ends with the process that holds it`,
  });
}

/** Not as a FileHandle: one that nobody refers to any more is closed by the garbage collector. */
async function openPipe(path: string, sleep: Sleep): Promise<number> {
  for (let waited = 0; waited < HANDSHAKE_SECONDS * 1000; waited += POLL_MILLISECONDS) {
    try {
      return await promisify(open)(path, OPEN_FLAGS);
    } catch (error) {
      // Nothing is there yet, or nobody reads yet.
      if (!['ENOENT', 'ENXIO'].includes(systemErrorCode(error) ?? '')) throw error;
    }
    await sleep(POLL_MILLISECONDS);
  }
  throw new NodeError('NodeFailed', {
    reason: 'SystemdUnreachable',
    sentence: `${LOCK_UNIT} was started on the host, and its pipe does not appear at ${path}`,
    hint: `In a container, mount the host's folder ${STATE_FOLDER}; 'journalctl --unit ${LOCK_UNIT}' says more`,
  });
}
