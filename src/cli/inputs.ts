import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { systemErrorCode, UserError } from '../errors/user-error.ts';
import type { CommandIO } from './command.ts';
import { usageError } from './flags.ts';

/** One input of a command, read to its end. */
export interface Input {
  /** The path as given, or below the folder that was given; `stdin` for standard input. */
  readonly file: string;
  readonly text: string;
}

/** Which files of a folder count. */
const MANIFEST_NAME = /\.(ya?ml|json)$/i;
const STDIN = '-';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
};

/**
 * Reads what `-f` names, in the order given: files, folders (each *.yaml, *.yml and *.json below, sorted by path) and
 * `-` for standard input.
 *
 * @param command the command's name, for messages
 * @throws {UserError} BadUsage without any name; FileUnreadable; DocumentInvalid for what is no UTF-8
 */
export async function readInputs(
  command: string,
  names: readonly string[],
  io: Pick<CommandIO, 'stdin' | 'signal'>,
): Promise<readonly Input[]> {
  if (names.length === 0)
    throw usageError(command, 'No input: name one with -f', 'Use -f FILE, -f FOLDER, or -f - for stdin');
  if (names.filter(name => name === STDIN).length > 1) throw usageError(command, 'stdin (-f -) can be read only once');
  const inputs: Input[] = [];
  for (const name of names) {
    // One after the other: the first fault in the order given is the one reported.
    // oxlint-disable-next-line no-await-in-loop
    inputs.push(...(name === STDIN ? [await readStdin(io)] : await readFiles(name)));
  }
  return inputs;
}

async function readFiles(name: string): Promise<readonly Input[]> {
  const files = await filesOf(name);
  const bytes = await Promise.all(files.map(file => attempt(file, path => readFile(path))));
  return files.map((file, index) => decode(bytes[index] ?? Buffer.alloc(0), file));
}

async function filesOf(name: string): Promise<readonly string[]> {
  const found = await attempt(name, path => stat(path));
  if (!found.isDirectory()) return [name];
  const entries = await attempt(name, path => readdir(path, { recursive: true, withFileTypes: true }));
  const files = entries
    .filter(entry => MANIFEST_NAME.test(entry.name) && !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name))
    .toSorted();
  if (files.length === 0) {
    throw new UserError('FileUnreadable', `Folder '${name}' holds no *.yaml, *.yml or *.json file`, {
      hint: 'Name the folder that holds the manifests, or a single file',
    });
  }
  return files;
}

async function attempt<Result>(path: string, read: (path: string) => Promise<Result>): Promise<Result> {
  try {
    return await read(path);
  } catch (cause) {
    const code = systemErrorCode(cause) ?? String(cause);
    throw new UserError('FileUnreadable', `Cannot read '${path}': ${REASONS[code] ?? code}`, {
      hint: 'Name a readable file or folder with -f, or - for stdin',
      cause,
    });
  }
}

async function readStdin({ stdin, signal }: Pick<CommandIO, 'stdin' | 'signal'>): Promise<Input> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, stdin)) chunks.push(toBytes(chunk));
  } catch (cause) {
    const reason = signal.aborted ? 'interrupted' : (systemErrorCode(cause) ?? String(cause));
    throw new UserError('FileUnreadable', `Cannot read stdin: ${reason}`, { cause });
  }
  return decode(Buffer.concat(chunks), 'stdin');
}

function toBytes(chunk: unknown): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
}

function decode(bytes: Buffer, file: string): Input {
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (cause) {
    throw new UserError('DocumentInvalid', `Cannot use '${file}': it is not UTF-8 text`, {
      hint: 'Save it as UTF-8; if it is no YAML or JSON at all, leave it out',
      cause,
    });
  }
}
