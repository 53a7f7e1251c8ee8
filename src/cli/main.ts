#!/usr/bin/env node
import { EXIT_CODES, type ExitCode, isUserError, UserError } from '../errors/user-error.ts';
import { nearest } from '../policy/nearest.ts';
import type { Command, CommandIO } from './command.ts';
import { describeError } from './describe-error.ts';

/** Loaded only when they run, so that each command pays for its own rooms alone. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  inject: async () => (await import('./inject.ts')).inject,
  check: async () => (await import('./check.ts')).check,
  audit: async () => (await import('./audit.ts')).audit,
  render: async () => (await import('./render.ts')).render,
  node: async () => (await import('./node.ts')).node,
  demo: async () => (await import('./demo.ts')).demo,
};

// No top-level await: the bundle is CommonJS.
void start();

async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

async function main([name, ...args]: readonly string[]): Promise<ExitCode> {
  const io = processIO();
  try {
    const code = await run(name, args, io);
    return io.signal.reason instanceof UserError ? io.signal.reason.exitCode : code;
  } catch (error) {
    if (!isUserError(error)) throw error;
    io.stderr.write(describeError(error));
    return error.exitCode;
  }
}

async function run(name: string | undefined, args: readonly string[], io: CommandIO): Promise<ExitCode> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? io.stderr : io.stdout).write(await overview());
    return name === undefined ? EXIT_CODES.usage : EXIT_CODES.done;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    throw new UserError('BadUsage', `Unknown command '${name}'`, {
      hint: near === undefined ? `The commands are ${Object.keys(COMMANDS).join(', ')}` : `Did you mean '${near}'?`,
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

async function overview(): Promise<string> {
  const loaded = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => ({ name, command: await load() })),
  );
  const lines = loaded.map(({ name, command }) => `  ${name.padEnd(8)}${command.summary}\n`);
  return `gvisor-injector inject -f pod.yaml\n\nEvery Pod of a labelled namespace runs inside a gVisor sandbox.\n\nCommands:\n${lines.join('')}\nEach has --help. Exit codes: 0 done, 1 could not do it, 2 bad usage or configuration, 3 looked and the answer is no.\n`;
}

function processIO(): CommandIO {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
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
