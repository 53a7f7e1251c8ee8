/** Time as this room needs it; tests pass one that they move by hand. */
export interface Clock {
  /** The time of day. */
  readonly now: () => Date;
  /** Calls back once after a delay; the returned function cancels that. A pending call does not keep the process alive. */
  readonly schedule: (delayMilliseconds: number, callback: () => void) => () => void;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => new Date(),
  schedule: (delayMilliseconds, callback) => {
    const timer = setTimeout(callback, delayMilliseconds).unref();
    return () => clearTimeout(timer);
  },
};
