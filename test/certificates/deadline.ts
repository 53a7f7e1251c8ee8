/** Longer than anything that a test waits for, on a machine that is busy. */
const DEADLINE_MILLISECONDS = 10_000;

/** The promise's value. @throws {Error} that says what was waited for, when it takes too long */
export async function deadline<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited in vain for ${what}`)), DEADLINE_MILLISECONDS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
