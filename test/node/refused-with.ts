import type { Test } from 'tap';
import { NodeError } from '../../src/node/node-error.ts';
import type { NodeReason } from '../../src/node/reason.ts';

/** Asserts that work ends with a NodeError of a reason, whose message has these texts, and that it says what to do. */
export async function refusedWith(
  t: Test,
  work: Promise<unknown>,
  reason: NodeReason,
  ...found: readonly string[]
): Promise<void> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof NodeError)) throw new Error('no NodeError', { cause: error });
  t.equal(error.reason, reason);
  t.ok(error.hint, 'it says what to do');
  for (const value of found) t.match(error.message, value);
}
