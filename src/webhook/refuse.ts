import type { FastifyReply, FastifyRequest } from 'fastify';
import { systemErrorCode } from '../errors/user-error.ts';
import { printable } from '../policy/printable.ts';
import type { RefusalObserver } from './refusal-observer.ts';
import { Refusal, type RefusalCode, statusBody } from './refusal.ts';

/** Longest path in a message or a log line. */
const PATH_LENGTH = 200;

/** Answers a request that gets no decision; our own fault is logged with its stack, which the client never sees. */
export function refuse(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  observer: RefusalObserver,
): FastifyReply {
  const refusal = toRefusal(error, request);
  const { code, status } = refusal;
  observer.refused(refusal, { method: request.method, path: pathOf(request.url) });
  if (code === 'InternalError') observer.failed(error, pathOf(request.url));
  if (code === 'TooManyRequests') reply.header('retry-after', '1');
  if (code === 'MethodNotAllowed') reply.header('allow', 'POST');
  return reply.code(status).type('application/json').send(statusBody(refusal));
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
