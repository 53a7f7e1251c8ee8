import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { ClusterError, lastLines } from './cluster-error.ts';

/** How to run a program. */
export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to its standard input. */
  readonly input?: string;
  /** Milliseconds until it is killed; default 2 minutes. */
  readonly timeout?: number;
  /** A file that its output is added to, instead of being returned. */
  readonly logFile?: string;
  readonly signal?: AbortSignal | undefined;
}

/** How a program ended, and what it said. */
export interface RunResult {
  /** 128 and more when a signal or the timeout ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MILLISECONDS = 120_000;
const KILLED = 137;

/** Runs a program to its end, whatever its exit code. @throws {ClusterError} when it cannot be started */
export async function tryCommand(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { cwd, environment, input, timeout = DEFAULT_TIMEOUT_MILLISECONDS, logFile, signal } = options;
  const log = logFile === undefined ? undefined : openSync(logFile, 'a');
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const child = spawn(program, args, {
    stdio: ['pipe', log ?? 'pipe', log ?? 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...environment },
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { signal }),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => undefined).end(input ?? '');
  child.once('error', error => reject(new ClusterError(`Cannot run ${program}: ${error.message}`)));
  child.once('close', code => {
    resolve({
      code: code ?? KILLED,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    });
  });
  try {
    return await promise;
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

/** Runs a program that must succeed; returns its standard output. @throws {ClusterError} with its last words */
export async function runCommand(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryCommand(program, args, options);
  if (code !== 0) {
    const where = options.logFile === undefined ? [] : [`see ${options.logFile}`];
    throw new ClusterError(`${[program, ...args].join(' ').slice(0, 300)} ended with ${code}`, [
      ...lastLines(stderr === '' ? stdout : stderr),
      ...where,
    ]);
  }
  return stdout;
}
