import { lookup } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { availableParallelism, networkInterfaces, totalmem } from 'node:os';
import { systemErrorCode } from '../../errors/user-error.ts';
import type { EvidenceSurroundings } from './evidence.ts';

/** Patience with each attempt: the program of a proof must not take longer than the proof. */
const PATIENCE_MILLISECONDS = 3000;

/** The machine that this process is on, which in a proof is the sandbox. */
export function localSurroundings(environment: Readonly<Record<string, string | undefined>>): EvidenceSurroundings {
  return {
    read: async path => await readFile(path, 'utf8').catch(() => undefined),
    hasFolder: async path => {
      try {
        return (await stat(path)).isDirectory();
      } catch {
        return false;
      }
    },
    loopback: async () => await outcomeOf(echo),
    connect: async (host, port) => await outcomeOf(async signal => await reach({ host, port, signal })),
    lookUp: async name => await outcomeOf(async () => await lookup(name)),
    environment,
    interfaces: Object.entries(networkInterfaces()).map(([name, addresses = []]) => ({
      name,
      addresses: addresses.map(({ address }) => address),
    })),
    memoryBytes: totalmem(),
    processors: availableParallelism(),
  };
}

/** `ok`, the code of what it failed by, or `ETIMEDOUT` when it did not come to an end. */
async function outcomeOf(work: (signal: AbortSignal) => Promise<unknown>): Promise<string> {
  const controller = new AbortController();
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve('ETIMEDOUT'), PATIENCE_MILLISECONDS);
  try {
    return await Promise.race([work(controller.signal).then(() => 'ok'), late.promise]);
  } catch (error) {
    return systemErrorCode(error) ?? (error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/** One byte over TCP to a server of ours, and back. */
async function echo(signal: AbortSignal): Promise<void> {
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  try {
    const listening = Promise.withResolvers<undefined>();
    server.once('error', listening.reject);
    server.listen(0, '127.0.0.1', () => listening.resolve(undefined));
    await listening.promise;
    const address = server.address();
    await reach({
      host: '127.0.0.1',
      port: typeof address === 'object' ? (address?.port ?? 0) : 0,
      signal,
      byte: true,
    });
  } finally {
    server.close();
  }
}

interface Reach {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
  /** Sends one, and waits until it is back. */
  readonly byte?: boolean;
}

async function reach({ host, port, signal, byte = false }: Reach): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const socket = connect({ host, port, signal });
  socket.once('error', reject);
  if (byte) {
    socket.once('connect', () => socket.write('x'));
    socket.once('data', () => resolve(undefined));
  } else socket.once('connect', () => resolve(undefined));
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}
