/** Time as this room needs it; tests pass one that they move by hand. */
export interface Clock {
  /** Milliseconds since any fixed instant; never goes back. */
  readonly now: () => number;
  /** Calls back once after a delay; the returned function cancels that. */
  readonly schedule: (delayMilliseconds: number, callback: () => void) => () => void;
}

/** The machine's own time. A call that is pending keeps the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule: (delayMilliseconds, callback) => {
    const timer = setTimeout(callback, delayMilliseconds);
    return () => clearTimeout(timer);
  },
};

/** Waits. @throws the signal's reason, as soon as it is aborted */
export async function sleep(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const wake = (): void => resolve(undefined);
  const cancel = clock.schedule(milliseconds, wake);
  signal.addEventListener('abort', wake, { once: true });
  await promise;
  cancel();
  signal.removeEventListener('abort', wake);
  signal.throwIfAborted();
}
