import type { Readable } from 'node:stream';
import type { Gate } from './gate.ts';
import { Refusal } from './refusal.ts';

/** Called once, with the body or with what is wrong with it. */
export type BodyCallback = (error: Error | null, body?: Buffer) => void;

/**
 * Collects a body chunk by chunk. What is too much is read to its end and thrown away, so that the client gets to see
 * the answer instead of a reset; the request's timeout bounds that.
 *
 * @param limit largest body, bytes
 * @param gate counts what all requests hold together
 */
export function readBody(payload: Readable, { limit, gate }: { limit: number; gate: Gate }, done: BodyCallback): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let fault: Refusal | undefined;
  const giveUp = (refusal: Refusal): void => {
    fault = refusal;
    gate.release(length);
    length = 0;
    chunks.length = 0;
  };
  payload.on('data', (chunk: Buffer) => {
    if (fault !== undefined) return;
    if (length + chunk.length > limit) {
      giveUp(new Refusal('BodyTooLarge', `the body is larger than ${limit} bytes`));
      return;
    }
    try {
      gate.hold(chunk.length);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      giveUp(error);
      return;
    }
    chunks.push(chunk);
    length += chunk.length;
  });
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    gate.release(length);
    if (fault !== undefined) done(fault);
    else done(null, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  };
  payload.once('end', finish);
  payload.once('close', () => {
    if (isDone) return;
    fault ??= new Refusal('BodyTruncated', 'the connection closed before the whole body had come');
    finish();
  });
}
