import type { Writable } from 'node:stream';

/** Runs a step and says what runs, since when, and how long it took. */
export type Progress = <T>(what: string, step: () => Promise<T>) => Promise<T>;

const REMINDER_MILLISECONDS = 30_000;

/** Progress lines on a stream; a step that takes long is named again every 30 s. */
export function createProgress(stream: Writable): Progress {
  const begun = Date.now();
  return async (what, step) => {
    const started = Date.now();
    stream.write(`[${seconds(begun)}] ${what}\n`);
    const reminder = setInterval(() => {
      stream.write(`[${seconds(begun)}] ${what}: still running after ${seconds(started)}\n`);
    }, REMINDER_MILLISECONDS);
    try {
      const result = await step();
      stream.write(`[${seconds(begun)}] ${what}: done in ${seconds(started)}\n`);
      return result;
    } finally {
      clearInterval(reminder);
    }
  };
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
