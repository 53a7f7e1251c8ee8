import { deadline } from './deadline.ts';
import type { Clock } from '../../src/certificates/clock.ts';

/** A clock that stands still until a test moves it; calls that were scheduled run when the test says so. */
export class ManualClock implements Clock {
  #now: Date;
  #scheduled: { readonly delayMilliseconds: number; readonly callback: () => void }[] = [];
  #waiting: (() => void)[] = [];

  constructor(now: Date) {
    this.#now = now;
  }

  readonly now = (): Date => this.#now;

  readonly schedule = (delayMilliseconds: number, callback: () => void): (() => void) => {
    const entry = { delayMilliseconds, callback };
    this.#scheduled.push(entry);
    for (const wake of this.#waiting.splice(0)) wake();
    return () => {
      this.#scheduled = this.#scheduled.filter(candidate => candidate !== entry);
    };
  };

  /** Moves the time of day alone. */
  setNow(now: Date): void {
    this.#now = now;
  }

  /** Delays of the calls that are pending. */
  pending(): readonly number[] {
    return this.#scheduled.map(({ delayMilliseconds }) => delayMilliseconds);
  }

  /** Waits until a call with this delay or a shorter one is pending, then runs it. @throws {Error} when none comes */
  async run(delayMilliseconds: number): Promise<void> {
    for (;;) {
      const entry = this.#scheduled.find(candidate => candidate.delayMilliseconds <= delayMilliseconds);
      if (entry !== undefined) {
        this.#scheduled = this.#scheduled.filter(candidate => candidate !== entry);
        entry.callback();
        return;
      }
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#waiting.push(() => resolve(undefined));
      await deadline(promise, `a call in ${delayMilliseconds} ms; pending are ${this.pending().join(', ')}`);
    }
  }
}
