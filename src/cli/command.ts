import type { Readable, Writable } from 'node:stream';
import type { ExitCode } from '../errors/user-error.ts';

/**
 * The cli room: one file a command. A command parses its arguments, wires the other rooms together and prints; results
 * go to stdout, everything else to stderr. Only `program.ts` touches the process: its streams, signals and exit code.
 */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints; it begins with an example. */
  readonly help: string;
  /** True when what follows the name is a step of its own, with its own help. */
  readonly hasSteps?: boolean;
  /** Runs to the end. @throws {UserError} for every expected failure; `program.ts` prints it. */
  readonly run: (args: readonly string[], io: CommandIO) => Promise<ExitCode>;
}

/** The world as a command may see it. */
export interface CommandIO {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** The file descriptor behind stdout, for who writes to it directly; undefined when stdout is a stream only. */
  readonly stdoutDescriptor: number | undefined;
  readonly stderr: Writable;
  /** True when stdout is a terminal that wants colour. */
  readonly colour: boolean;
  /** The process's environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Words by which this very program is started again: Node and the script. */
  readonly program: readonly [string, string];
  /** Aborted on SIGTERM, SIGINT or SIGHUP. */
  readonly signal: AbortSignal;
}
