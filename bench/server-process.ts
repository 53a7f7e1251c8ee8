import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { NODE_OPTIONS } from '../src/manifest/webhook-container.ts';
import { isJsonObject } from '../src/policy/json.ts';
import { type Contender, nodeArguments } from './contender.ts';

/** What a server is started with. */
export interface ServerOptions {
  /** Temporary folder for what servers print. */
  readonly folder: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Kills the server when it is aborted. */
  readonly signal: AbortSignal;
}

const START_MILLISECONDS = 20_000;
const STOP_MILLISECONDS = 5_000;
const DEATH_MILLISECONDS = 1_000;
const POLL_MILLISECONDS = 1;

interface Files {
  readonly stdout: number;
  readonly stderr: number;
}

/** A server under test, in a process of its own whose stdout goes to a file. */
export class ServerProcess implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly pid: number;
  /** Where it listens; 0 until then. */
  port = 0;
  /** `performance.now()` before the process was made. */
  readonly spawnedAt: number;

  private constructor(contender: Contender, options: ServerOptions, output: Files) {
    this.spawnedAt = performance.now();
    this.#process = spawn(process.execPath, nodeArguments(contender, options), {
      stdio: ['ignore', output.stdout, output.stderr],
      // The Deployment's options and a compile cache like the image's, for every server: like is compared with like.
      env: { ...process.env, NODE_OPTIONS, NODE_COMPILE_CACHE: join(options.folder, 'compile-cache') },
      signal: options.signal,
      killSignal: 'SIGKILL',
    });
    // An abort is told through the signal itself; a process that cannot be made has no pid.
    this.#process.on('error', () => undefined);
    this.pid = this.#process.pid ?? 0;
  }

  /**
   * Starts a server and waits until it listens.
   *
   * @throws {Error} when it ends before that, or takes too long
   */
  static async start(contender: Contender, options: ServerOptions): Promise<ServerProcess> {
    const file = join(options.folder, `${contender.name}.log`);
    const errors = join(options.folder, `${contender.name}.err`);
    const output = { stdout: openSync(file, 'w'), stderr: openSync(errors, 'w') };
    const server = new ServerProcess(contender, options, output);
    closeSync(output.stdout);
    closeSync(output.stderr);
    try {
      server.port = await server.#listeningPort(file, options.signal);
    } catch (cause) {
      await server[Symbol.asyncDispose]();
      options.signal.throwIfAborted();
      throw new Error(`${contender.name} did not start: ${readFileSync(errors, 'utf8')}`, { cause });
    }
    return server;
  }

  /** True when the process is gone, or goes within a second: a client sees that first. */
  async hasEnded(): Promise<boolean> {
    for (let waited = 0; waited < DEATH_MILLISECONDS && this.#isRunning(); waited += 50) await wait(50);
    return !this.#isRunning();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isRunning()) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MILLISECONDS);
    await ended;
    clearTimeout(killer);
  }

  /** Reads the file again and again: a pipe would make ours and the baselines write to a socket. */
  async #listeningPort(file: string, signal: AbortSignal): Promise<number> {
    while (performance.now() - this.spawnedAt < START_MILLISECONDS) {
      signal.throwIfAborted();
      const port = listeningPort(readFileSync(file, 'utf8'));
      if (port !== undefined) return port;
      if (!this.#isRunning()) throw new Error('it ended before it listened');
      await wait(POLL_MILLISECONDS);
    }
    throw new Error(`it did not listen within ${START_MILLISECONDS} ms`);
  }

  #isRunning(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }
}

/** The port in the line that says `listening`, once that line is whole. */
function listeningPort(output: string): number | undefined {
  const lines = output.split('\n').slice(0, -1);
  const line = lines.map((text): unknown => JSON.parse(text)).find(isListening);
  return line === undefined ? undefined : Number(line.address.slice(line.address.lastIndexOf(':') + 1));
}

function isListening(line: unknown): line is { readonly address: string } {
  return isJsonObject(line) && line['message'] === 'listening' && typeof line['address'] === 'string';
}
