import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { ClusterError, lastLines } from './cluster-error.ts';

/** What to wait for. */
export interface WaitOptions {
  /** Completes "waited N s for ...". */
  readonly what: string;
  readonly seconds: number;
  /** Resolves to undefined while it is not so; what it throws counts as "not yet", and the last is shown at the end. */
  readonly check: () => Promise<string | undefined>;
  /** Shown, its last lines, when the wait was in vain. */
  readonly logFile?: string;
  readonly intervalMilliseconds?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Waits, bounded, until a check resolves to something. @throws {ClusterError} that says what was waited for */
export async function waitUntil(options: WaitOptions): Promise<string> {
  const { what, seconds, check, logFile, intervalMilliseconds = 250, signal } = options;
  const end = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < end) {
    signal?.throwIfAborted();
    try {
      const found = await check();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await setTimeout(intervalMilliseconds, undefined, { signal });
  }
  const reason = last instanceof Error ? [`last: ${last.message}`] : [];
  const details = last instanceof ClusterError ? last.details : [];
  throw new ClusterError(`waited ${seconds} s for ${what}`, [...reason, ...details, ...(await tail(logFile))]);
}

async function tail(logFile: string | undefined): Promise<readonly string[]> {
  if (logFile === undefined) return [];
  try {
    return [`last lines of ${logFile}:`, ...lastLines(await readFile(logFile, 'utf8'))];
  } catch {
    return [`there is no ${logFile}`];
  }
}
