import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { systemErrorCode } from '../errors/user-error.ts';
import { printable } from '../policy/printable.ts';
import type { Log } from '../record/log.ts';
import type { Metrics } from './metrics.ts';
import { Refusal, type RefusalCode, statusBody } from './refusal.ts';

/** Longest path in a message or a log line. */
const PATH_LENGTH = 200;

/** What refusals are told to. */
export interface RefusalObserver {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Answers a request that gets no decision; our own fault is logged with its stack, which the client never sees. */
export function refuse(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  observer: RefusalObserver,
): FastifyReply {
  const refusal = toRefusal(error, request);
  const { code, status, message } = refusal;
  const path = pathOf(request.url);
  observer.metrics.refused(code);
  if (code === 'InternalError') {
    observer.log.error('internalError', {
      path,
      stack: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  } else {
    observer.log.info('requestRefused', { code, detail: message, method: request.method, path, status });
  }
  if (code === 'TooManyRequests') reply.header('retry-after', '1');
  if (code === 'MethodNotAllowed') reply.header('allow', 'POST');
  return reply.code(status).type('application/json').send(statusBody(refusal));
}

/** Answers what is not even HTTP on the socket itself. */
export function refuseConnection(error: Error, socket: Socket, { metrics }: RefusalObserver): void {
  const refusal = connectionRefusal(systemErrorCode(error));
  if (refusal === undefined || !socket.writable) {
    socket.destroy();
    return;
  }
  metrics.refused(refusal.code);
  const body = statusBody(refusal);
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** The path without its query, printable and short. */
export function pathOf(url: string): string {
  return printable(url.split('?', 1)[0] ?? '', PATH_LENGTH);
}

/** fastify's own errors that a client causes, as refusals. */
const FASTIFY_REFUSALS: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['ContentTypeUnsupported', 'the content type must be application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['BodyTruncated', 'the body is not as long as Content-Length says'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['BodyTooLarge', 'the body is too large'],
  FST_ERR_BAD_URL: ['HttpInvalid', 'the path is not a valid URL path'],
  FST_ERR_MAX_PARAM_LENGTH: ['NotFound', 'the path is too long'],
};

function toRefusal(error: unknown, request: FastifyRequest): Refusal {
  if (error instanceof Refusal) return error;
  const [code, message] = FASTIFY_REFUSALS[systemErrorCode(error) ?? ''] ?? [];
  if (code === undefined || message === undefined) {
    return new Refusal('InternalError', 'the webhook failed; its log has the cause');
  }
  const found = code === 'ContentTypeUnsupported' ? `, found ${contentTypeOf(request)}` : '';
  return new Refusal(code, `${message}${found}`);
}

function contentTypeOf(request: FastifyRequest): string {
  const type = request.headers['content-type'];
  return type === undefined ? 'none' : `"${printable(type, 80)}"`;
}

function connectionRefusal(code: string | undefined): Refusal | undefined {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
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
