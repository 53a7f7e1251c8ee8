import type { Clock } from '../../src/kube/clock.ts';
import { deadline } from '../certificates/deadline.ts';

interface Entry {
  readonly delay: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 0;
  #entries: Entry[] = [];
  #waiting: (() => void)[] = [];
  readonly #firesByItself: (delay: number) => boolean;
  /** Delays of all calls that were made back, in their order. */
  readonly fired: number[] = [];

  /** @param firesByItself delays that are over at the next turn */
  constructor(firesByItself: (delay: number) => boolean = () => false) {
    this.#firesByItself = firesByItself;
  }

  readonly now = (): number => this.#now;

  readonly schedule = (delay: number, callback: () => void): (() => void) => {
    const entry = { delay, callback };
    this.#entries.push(entry);
    if (this.#firesByItself(delay)) setImmediate(() => this.#fire(entry));
    for (const wake of this.#waiting.splice(0)) wake();
    return () => {
      this.#entries = this.#entries.filter(other => other !== entry);
    };
  };

  /** Lets time go by, without any call back. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Delays of the calls that are pending. */
  pending(): readonly number[] {
    return this.#entries.map(({ delay }) => delay);
  }

  /** Waits until a call with such a delay is pending, and lets it be over. Returns its delay. */
  async fire(wanted: number | ((delay: number) => boolean)): Promise<number> {
    const matches = typeof wanted === 'number' ? (delay: number) => delay === wanted : wanted;
    for (;;) {
      const entry = this.#entries.find(({ delay }) => matches(delay));
      if (entry !== undefined) {
        this.#fire(entry);
        return entry.delay;
      }
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#waiting.push(() => resolve(undefined));
      await deadline(promise, `a call in ${String(wanted)}; pending are ${this.pending().join(', ')}`);
    }
  }

  #fire(entry: Entry): void {
    if (!this.#entries.includes(entry)) return;
    this.#entries = this.#entries.filter(other => other !== entry);
    this.#now += entry.delay;
    this.fired.push(entry.delay);
    entry.callback();
  }
}
