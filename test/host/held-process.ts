import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ClusterError } from '../cluster/cluster-error.ts';
import type { TestHost } from './create-host.ts';

/** A process in a host that goes on while the test does something else. */
export interface HeldProcess {
  /** Its next line of standard output. @throws {ClusterError} when it has ended */
  line(): Promise<string>;
  endInput(): void;
  /** Kills it, and waits for its end. */
  kill(): Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

/** Starts a command in a host. */
export async function holdOnHost(host: TestHost, command: readonly string[]): Promise<HeldProcess> {
  // nsenter starts the command as a child of its own; the shell says which id it has in the host and becomes it.
  const args = [...(await host.machine.enterArguments()), 'sh', '-c', 'echo $$; exec "$@"', 'sh', ...command];
  const child: ChildProcess = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  if (child.stdout === null) throw new TypeError('no output');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new ClusterError(`${command.join(' ')} ended in ${host.name}`);
    return next.value;
  };
  const id = await line();
  return {
    line,
    ended,
    endInput: () => void child.stdin?.end(),
    kill: async () => {
      await host.run(['kill', '-KILL', id]);
      await ended;
    },
  };
}
