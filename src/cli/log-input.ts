import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { systemErrorCode, UserError } from '../errors/user-error.ts';
import { createLineSplitter } from '../record/line-splitter.ts';
import type { CommandIO } from './command.ts';
import { usageError } from './flags.ts';

/** The name of standard input among files. */
const STDIN = '-';

/** Files of a folder that are read as logs. */
const LOG_NAME = /\.(?:log|jsonl)$/;

/**
 * Reads logs line by line, as a stream: neither a whole log nor a line of any length is ever in memory. Once the
 * command is told to stop, the input counts as ended, so that `kubectl logs -f … | audit` can be ended by Ctrl-C.
 *
 * @param files paths of files, folders or `-` for standard input; none means standard input when it is no terminal
 * @param onLine gets each line, or undefined for one that was too long
 * @throws {UserError} FileUnreadable, or BadUsage when nothing was given to read
 */
export async function readLogs(
  files: readonly string[],
  io: CommandIO,
  onLine: (line: string | undefined) => void,
): Promise<void> {
  if (files.length === 0 && 'isTTY' in io.stdin && io.stdin.isTTY === true) {
    throw usageError(
      'audit',
      'There are no logs to read',
      'Name a file with -f, or pipe kubectl logs into the command',
    );
  }
  const names = new Set(files.length === 0 ? [STDIN] : files);
  for (const name of names) {
    // One after the other: the order of the report does not depend on it, and memory stays that of one file.
    // oxlint-disable-next-line no-await-in-loop
    await readSource(name, io, onLine);
  }
}

async function readSource(name: string, io: CommandIO, onLine: (line: string | undefined) => void): Promise<void> {
  if (name === STDIN) return await naming(name, readStream(io.stdin, io.signal, onLine));
  for (const file of await naming(name, logFiles(name))) {
    // oxlint-disable-next-line no-await-in-loop
    await naming(file, readStream(createReadStream(file), io.signal, onLine));
  }
}

/** What was read; a failure of the system names the file or folder. */
async function naming<Result>(name: string, reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new UserError('FileUnreadable', `Cannot read the log '${name}': ${code}`, {
      hint: 'Name a readable file or folder with -f, or - for standard input',
      cause,
    });
  }
}

async function logFiles(name: string): Promise<readonly string[]> {
  const found = await stat(name);
  if (!found.isDirectory()) return [name];
  const entries = await readdir(name, { withFileTypes: true });
  // Links count: on a node, /var/log/containers holds nothing else.
  const files = entries
    .filter(entry => LOG_NAME.test(entry.name) && !entry.isDirectory())
    .map(entry => entry.name)
    .toSorted();
  if (files.length === 0) {
    throw new UserError('FileUnreadable', `The folder '${name}' has no log: no file ends in .log or .jsonl`, {
      hint: 'Name the files with -f',
    });
  }
  return files.map(file => join(name, file));
}

async function readStream(
  stream: Readable,
  signal: AbortSignal,
  onLine: (line: string | undefined) => void,
): Promise<void> {
  const splitter = createLineSplitter(onLine);
  try {
    for await (const chunk of addAbortSignal(signal, stream)) splitter.push(toBuffer(chunk));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  splitter.end();
}

function toBuffer(chunk: unknown): Buffer {
  if (chunk instanceof Buffer) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  throw new TypeError('A log is a stream of bytes');
}
