import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { getCACertificates } from 'node:tls';
import { systemErrorCode } from '../../errors/user-error.ts';
import { printable } from '../../policy/printable.ts';
import { NodeError } from '../node-error.ts';
import { nameOf, redirectAddress } from './mirror-address.ts';
import { Patience } from './patience.ts';
import type { PayloadLimits, PayloadMirror } from './payload.ts';
import { payloadError } from './payload-error.ts';

const MAXIMUM_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
const LONGEST_TYPE = 60;

/** A file of a mirror, whose bytes are still to come. */
export interface Download {
  /** Where it came from in the end, for a message. */
  readonly what: string;
  /** As the server says; undefined when it does not. */
  readonly bytes: number | undefined;
  /** What the server says that it is, such as `text/html`. */
  readonly type: string | undefined;
  readonly content: AsyncIterable<Uint8Array>;
}

/** How a download is made. */
export type DownloadOptions = Omit<PayloadMirror, 'kind' | 'base'> & { readonly limits: PayloadLimits };

/**
 * Downloads a file, and hands it to somebody who takes its bytes. Its connection is gone afterwards.
 *
 * @throws {NodeError} PayloadUnavailable, PayloadTruncated, PayloadInvalid
 */
export async function download<T>(
  url: URL,
  options: DownloadOptions,
  take: (file: Download) => Promise<T>,
): Promise<T> {
  const { clock, limits } = options;
  using patience = new Patience({ clock, what: nameOf(url), ...limits });
  const { response, from } = await follow(url, options.authority, patience);
  try {
    return await take(describe(response, nameOf(from), { limits, patience }));
  } finally {
    response.destroy();
  }
}

interface Answer {
  readonly response: IncomingMessage;
  readonly from: URL;
}

async function follow(url: URL, authority: string | undefined, patience: Patience): Promise<Answer> {
  let from = url;
  for (let redirects = 0; redirects <= MAXIMUM_REDIRECTS; redirects += 1) {
    // oxlint-disable-next-line no-await-in-loop
    const response = await patience.step(ask(from, authority, patience.signal));
    const { statusCode = 0, statusMessage = '' } = response;
    // What ends it is told by whoever reads it.
    response.on('error', () => undefined);
    if (statusCode === 200) return { response, from };
    response.destroy();
    if (!REDIRECTS.includes(statusCode)) {
      const said = printable(`${statusCode} ${statusMessage}`.trim(), LONGEST_TYPE);
      throw payloadError('PayloadUnavailable', `${nameOf(from)} answered ${said}`);
    }
    from = redirectAddress(from, response.headers.location);
  }
  throw payloadError('PayloadUnavailable', `${nameOf(url)} redirects more than ${MAXIMUM_REDIRECTS} times`);
}

async function ask(url: URL, authority: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const ca = authority === undefined ? {} : { ca: [...getCACertificates('default'), authority] };
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'gvisor-injector' };
  // An agent of its own: no connection is left over.
  const asked = request(url, { ...ca, agent: false, headers, signal, minVersion: 'TLSv1.2' }, resolve);
  asked.on('error', cause => {
    const sentence = `cannot reach ${nameOf(url)}: ${systemErrorCode(cause) ?? cause.message}`;
    reject(payloadError('PayloadUnavailable', sentence, { cause }));
  });
  asked.end();
  return await promise;
}

function describe(
  response: IncomingMessage,
  what: string,
  { limits, patience }: { readonly limits: PayloadLimits; readonly patience: Patience },
): Download {
  const { 'content-length': length, 'content-type': type, 'content-encoding': encoding } = response.headers;
  if (encoding !== undefined && encoding !== 'identity') {
    throw payloadError(
      'PayloadInvalid',
      `${what} comes in the encoding '${printable(encoding, LONGEST_TYPE)}', which nobody asked for`,
    );
  }
  const bytes = length === undefined ? undefined : Number(length);
  if (bytes !== undefined && bytes > limits.archiveBytes) throw tooLong(what, limits);
  return {
    what,
    bytes,
    type: type === undefined ? undefined : printable(type, LONGEST_TYPE),
    content: bodyOf(response, { what, bytes, limits, patience }),
  };
}

interface Body {
  readonly what: string;
  readonly bytes: number | undefined;
  readonly limits: PayloadLimits;
  readonly patience: Patience;
}

async function* bodyOf(response: IncomingMessage, { what, bytes, limits, patience }: Body): AsyncIterable<Uint8Array> {
  const pieces: AsyncIterable<Uint8Array> = response;
  const iterator = pieces[Symbol.asyncIterator]();
  let received = 0;
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      const result = await patience.step(iterator.next());
      if (result.done === true) break;
      received += result.value.length;
      if (received > limits.archiveBytes) throw tooLong(what, limits);
      yield result.value;
    }
  } catch (cause) {
    if (cause instanceof NodeError) throw cause;
    throw truncated(what, received, bytes, cause);
  }
}

function truncated(what: string, received: number, bytes: number | undefined, cause: unknown): NodeError {
  const expected = bytes === undefined ? '' : ` of ${bytes}`;
  return payloadError('PayloadTruncated', `${what} broke off after ${received}${expected} bytes`, { cause });
}

function tooLong(what: string, { archiveBytes }: PayloadLimits): NodeError {
  return payloadError('PayloadInvalid', `${what} has more than ${archiveBytes} bytes`);
}
