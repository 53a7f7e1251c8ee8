import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemErrorCode } from '../errors/user-error.ts';
import type { RefusalObserver } from './refusal-observer.ts';
import { Refusal, statusBody } from './refusal.ts';

/** How long a client may take to read the answer that ends its connection. */
const LINGER_MILLISECONDS = 2_000;

/** What a connection is refused with. */
export interface ConnectionRefusalOptions {
  readonly refusals: RefusalObserver;
}

/** Answers what is not even HTTP on the socket itself, or ends the connection where no answer can arrive. */
export function refuseConnection(error: Error, socket: Duplex, options: ConnectionRefusalOptions): void {
  const refusal = isHandshaking(socket) ? undefined : connectionRefusal(systemErrorCode(error));
  if (refusal === undefined || !socket.writable) socket.destroy();
  else refuseOnSocket(refusal, socket, options);
}

/** Writes a refusal to the socket and ends the connection, whether or not the client reads it. */
export function refuseOnSocket(refusal: Refusal, socket: Duplex, { refusals }: ConnectionRefusalOptions): void {
  refusals.refused(refusal);
  const body = statusBody(refusal);
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  const timer = setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Node reports a TLS handshake that failed or took too long, and leaves the connection to us (node: lib/internal/tls/wrap.js). */
function isHandshaking(socket: Duplex): boolean {
  return 'secureConnecting' in socket && socket.secureConnecting === true;
}

function connectionRefusal(code: string | undefined): Refusal | undefined {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    // A client that pipelines without reading; what it sent may be in order.
    case 'HPE_PAUSED':
      return undefined;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('RequestTimeout', 'the request took too long to arrive');
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal('HeadersTooLarge', 'the headers are too large');
    case 'HPE_INVALID_EOF_STATE':
      return new Refusal('BodyTruncated', 'the connection ended before the whole request had come');
    default:
      return new Refusal('HttpInvalid', 'this is not an HTTP/1.1 request');
  }
}
