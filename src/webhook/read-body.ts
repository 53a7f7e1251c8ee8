import type { IncomingMessage } from 'node:http';
import { BodyBuffer } from './body-buffer.ts';
import type { Gate } from './gate.ts';
import { Refusal } from './refusal.ts';

/** Called once, with the body or with what is wrong with it. */
export type BodyCallback = (error: Error | null, body?: Buffer) => void;

/**
 * Collects a body. What is too much is read to its end and thrown away, so that the client gets to see the answer
 * instead of a reset; the request's timeout bounds that.
 *
 * @param limit largest body, bytes
 * @param gate counts what all requests hold together
 */
export function readBody(payload: IncomingMessage, options: { limit: number; gate: Gate }, done: BodyCallback): void {
  const { limit, gate } = options;
  const body = new BodyBuffer({ gate, limit, address: addressOf(payload), statedLength: statedLengthOf(payload) });
  let fault: Refusal | undefined;
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    const whole = body.whole();
    body.release();
    if (fault === undefined) done(null, whole);
    else done(fault);
  };
  payload.on('data', (chunk: Buffer) => {
    if (fault !== undefined) return;
    fault = addChunk(body, chunk, limit);
    if (fault !== undefined) body.release();
  });
  payload.once('end', finish);
  payload.once('close', () => {
    if (isDone) return;
    fault ??= new Refusal('BodyTruncated', 'the connection closed before the whole body had come');
    finish();
  });
}

/** The address that a connection came from; one name for all whose connection is gone already. */
export function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'gone';
}

function addChunk(body: BodyBuffer, chunk: Buffer, limit: number): Refusal | undefined {
  if (body.length + chunk.length > limit) return new Refusal('BodyTooLarge', `the body is larger than ${limit} bytes`);
  try {
    body.add(chunk);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error;
  }
}

function statedLengthOf({ headers }: IncomingMessage): number | undefined {
  const stated = headers['content-length'];
  return stated === undefined ? undefined : Number(stated);
}
