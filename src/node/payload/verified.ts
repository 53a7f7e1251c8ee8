import { createHash } from 'node:crypto';
import { payloadError } from './payload-error.ts';

/** What a content must be. */
export interface Expectation {
  readonly sha512: string;
  /** The content's name for a message. */
  readonly what: string;
  /** Anything to say beside a wrong sum, such as the type that a server named. */
  readonly remark?: string;
}

/**
 * The same bytes, and an error at their end when they were not the expected ones: whoever takes them must not keep them
 * before the end.
 *
 * @throws {NodeError} PayloadChecksumMismatch
 */
export async function* verified(
  content: AsyncIterable<Uint8Array>,
  { sha512, what, remark }: Expectation,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha512');
  let bytes = 0;
  for await (const piece of content) {
    hash.update(piece);
    bytes += piece.length;
    yield piece;
  }
  const found = hash.digest('hex');
  if (found === sha512) return;
  const said = remark === undefined ? '' : ` (${remark})`;
  throw payloadError(
    'PayloadChecksumMismatch',
    `${what} has ${bytes} bytes${said} with the sha512 ${shorten(found)}, and ${shorten(sha512)} is pinned`,
  );
}

function shorten(sum: string): string {
  return `${sum.slice(0, 16)}…`;
}
