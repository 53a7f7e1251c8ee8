import { EXIT_CODES, type ExitCode, isUserError, UserError } from '../errors/user-error.ts';
import { nearest } from '../policy/nearest.ts';
import type { Command, CommandIO } from './command.ts';
import { describeError } from './describe-error.ts';

/** The commands of a program, each loaded only when it runs, so that it pays for its own rooms alone. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** Runs the command that the process's arguments name, and sets its exit code. */
export async function runProgram(commands: Commands): Promise<void> {
  process.exitCode = await main(commands, process.argv.slice(2));
}

async function main(commands: Commands, words: readonly string[]): Promise<ExitCode> {
  const io = processIO();
  try {
    const code = await run(commands, words, io);
    return io.signal.reason instanceof UserError ? io.signal.reason.exitCode : code;
  } catch (error) {
    if (!isUserError(error)) throw error;
    io.stderr.write(describeError(error));
    return error.exitCode;
  }
}

async function run(commands: Commands, [name, ...args]: readonly string[], io: CommandIO): Promise<ExitCode> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? io.stderr : io.stdout).write(await overview(commands));
    return name === undefined ? EXIT_CODES.usage : EXIT_CODES.done;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    const near = nearest(name, Object.keys(commands));
    throw new UserError('BadUsage', `Unknown command '${name}'`, {
      hint: near === undefined ? `The commands are ${Object.keys(commands).join(', ')}` : `Did you mean '${near}'?`,
    });
  }
  const command = await load();
  if (isHelp(command.hasSteps === true ? args.slice(0, 1) : args)) {
    io.stdout.write(command.help);
    return EXIT_CODES.done;
  }
  return await command.run(args, io);
}

function isHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h');
}

async function overview(commands: Commands): Promise<string> {
  const loaded = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => ({ name, command: await load() })),
  );
  const lines = loaded.map(({ name, command }) => `  ${name.padEnd(8)}${command.summary}\n`);
  return `gvisor-injector inject -f pod.yaml\n\nEvery Pod of a labelled namespace runs inside a gVisor sandbox.\n\nCommands:\n${lines.join('')}\nEach has --help. Exit codes: 0 done, 1 could not do it, 2 bad usage or configuration, 3 looked and the answer is no.\n`;
}

function processIO(): CommandIO {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => controller.abort());
  const { stdout, stderr, env, execPath, argv } = process;
  // `inject … | head`: nobody reads any more. The command ends as on a signal, so that it leaves nothing behind.
  stdout.on('error', () => controller.abort(new UserError('WriteFailed', 'Cannot write to stdout: nobody reads it')));
  return {
    // Most commands never read it, and the first look at it loads its stream.
    get stdin() {
      return process.stdin;
    },
    stdout,
    stdoutDescriptor: stdout.fd,
    stderr,
    colour: stdout.isTTY && !env['NO_COLOR'],
    environment: env,
    program: [execPath, argv[1] ?? ''],
    signal: controller.signal,
  };
}
