import { spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from '../../src/cli/command.ts';
import { UserError } from '../../src/errors/user-error.ts';

/** What a command did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command inside this process. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  input: string | Buffer = '',
): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await command.run(args, {
    stdin: Readable.from([Buffer.from(input)]),
    stdout,
    stdoutDescriptor: undefined,
    stderr,
    colour: false,
    environment: {},
    program: ['node', 'main.ts'],
    signal: new AbortController().signal,
  });
  for (const stream of [stdout, stderr]) stream.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

/** The error that a command ends by. */
export async function refusalOf(
  command: Command,
  args: readonly string[],
  input?: string | Buffer,
): Promise<UserError> {
  try {
    await runCommand(command, args, input);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new RangeError('the command was not refused');
}

/** Runs a command as a person does. */
export function runProgram(args: readonly string[], input: string | Buffer = ''): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/cli/main.ts', ...args], {
    input,
    encoding: 'utf8',
  });
  return { code: status ?? -1, stdout, stderr };
}
