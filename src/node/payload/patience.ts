import { payloadError } from './payload-error.ts';

/** Time as a download needs it. */
export interface DownloadClock {
  /** Calls back once after a delay; the returned function cancels that. */
  readonly schedule: (delayMilliseconds: number, callback: () => void) => () => void;
}

/** How long to wait. */
export interface PatienceOptions {
  readonly clock: DownloadClock;
  /** What is waited for, for a message. */
  readonly what: string;
  readonly stallSeconds: number;
  readonly deadlineSeconds: number;
}

/** Waits for a mirror: each step for so long, and all of them together. */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #controller = new AbortController();
  readonly #endDeadline: () => void;

  constructor(options: PatienceOptions) {
    this.#options = options;
    const { clock, what, deadlineSeconds } = options;
    this.#endDeadline = clock.schedule(deadlineSeconds * 1000, () =>
      this.#end(`${what} took longer than ${deadlineSeconds} s`),
    );
  }

  /** Fires when patience is at an end; its reason is the error to throw. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for one step. What it throws when patience ended on the way is that. */
  async step<T>(promise: Promise<T>): Promise<T> {
    const { clock, what, stallSeconds } = this.#options;
    const endStall = clock.schedule(stallSeconds * 1000, () => this.#end(`${what} sent nothing for ${stallSeconds} s`));
    try {
      return await promise;
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    } finally {
      endStall();
    }
  }

  [Symbol.dispose](): void {
    this.#endDeadline();
  }

  #end(sentence: string): void {
    this.#controller.abort(payloadError('PayloadUnavailable', sentence));
  }
}
