import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Test } from 'tap';
import { certificates, parseObject } from './webhook.ts';

/** A `serve` in a process of its own. */
export interface ServeProcess {
  readonly child: ChildProcess;
  /** Every log line so far. */
  readonly lines: readonly Record<string, unknown>[];
  readonly output: { readonly stderr: string };
  /** The HTTPS port, once it listens. */
  readonly port: Promise<number>;
}

export interface ServeOptions {
  /** Added to the environment; nothing but PATH is inherited. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Flags for node itself. */
  readonly nodeFlags?: readonly string[];
}

/** Starts `serve`; whoever starts it ends it. */
export function startServe(
  flags: readonly string[],
  { environment = {}, nodeFlags = [] }: ServeOptions = {},
): ServeProcess {
  const child = spawn(process.execPath, [...nodeFlags, 'src/cli/main.ts', 'serve', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...environment },
  });
  const lines: Record<string, unknown>[] = [];
  const output = { stderr: '' };
  const listening = Promise.withResolvers<number>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.trim().split('\n')) {
      const parsed = parseObject(line);
      lines.push(parsed);
      if (parsed['message'] === 'listening') listening.resolve(Number(String(parsed['address']).split(':').at(-1)));
    }
  });
  return { child, lines, output, port: listening.promise };
}

/** Flags with a certificate from the test's own folder, on free ports of loopback. */
export function serveFlags(t: Test): readonly string[] {
  const { certificate, key } = certificates.serving;
  const folder = t.testdir({
    'tls.crt': certificate,
    'tls.key': key,
    'ca.crt': certificates.ca,
    'empty.crt': '',
    modules: '',
  });
  const files = ['--cert', join(folder, 'tls.crt'), '--key', join(folder, 'tls.key')];
  return [...files, '--host', '127.0.0.1', '--port', '0', '--metrics-port', '0'];
}
