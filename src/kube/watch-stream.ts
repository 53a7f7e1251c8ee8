import type { Readable } from 'node:stream';
import { isJsonObject, member } from '../policy/json.ts';
import { createLineSplitter } from '../record/line-splitter.ts';
import { unreachable } from './connection.ts';
import { type KubeCall, KubeError, refusalOf } from './kube-error.ts';
import { readObject, resourceVersionOf } from './kube-object.ts';
import type { WatchHandler } from './watch.ts';

/** Where a stream ended. */
export interface StreamEnd {
  /** Of the last event or bookmark. */
  readonly resourceVersion: string;
  /** Undefined when the API server ended it as usual. */
  readonly error: KubeError | undefined;
}

/** What a stream is read with. */
export interface StreamOptions {
  readonly call: KubeCall;
  readonly resourceVersion: string;
  readonly handler: Pick<WatchHandler, 'changed' | 'removed'>;
  /** Begins to wait for the next bytes; the returned function ends that. */
  readonly watchdog: () => () => void;
}

/** Objects have 1.5 MiB at most, as etcd has it. */
const MAXIMUM_LINE_BYTES = 4 * 1024 * 1024;

/**
 * Reads the events of a watch until its stream ends, one way or another. A line that was cut off is none: its event comes
 * again, as the resourceVersion is that of the last whole one.
 *
 * @throws what the handler throws
 */
export async function readWatchStream(stream: Readable, options: StreamOptions): Promise<StreamEnd> {
  const { call, handler, watchdog } = options;
  let { resourceVersion } = options;
  let error: KubeError | undefined;
  const splitter = createLineSplitter(line => {
    if (error !== undefined) return;
    const event = parseEvent(call, line);
    if ('error' in event) error = event.error;
    else {
      if (event.kind !== 'bookmark') handler[event.kind](event.object);
      resourceVersion = event.resourceVersion;
    }
  }, MAXIMUM_LINE_BYTES);
  let endWait = watchdog();
  try {
    for await (const chunk of readChunks(stream, call)) {
      if (chunk instanceof KubeError) return { resourceVersion, error: chunk };
      endWait();
      splitter.push(chunk);
      if (error !== undefined) break;
      endWait = watchdog();
    }
    return { resourceVersion, error };
  } finally {
    endWait();
    stream.destroy();
  }
}

/** The stream's bytes, and in the end what broke it: what a handler throws is never taken for that. */
async function* readChunks(stream: Readable, call: KubeCall): AsyncIterable<Buffer | KubeError> {
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      let next: IteratorResult<unknown>;
      try {
        // oxlint-disable-next-line no-await-in-loop
        next = await chunks.next();
      } catch (cause) {
        yield unreachable(call, cause instanceof Error ? cause : new Error(String(cause)));
        return;
      }
      if (next.done === true) return;
      if (Buffer.isBuffer(next.value)) yield next.value;
    }
  } finally {
    stream.destroy();
  }
}

type WatchEvent =
  | {
      readonly kind: 'changed' | 'removed';
      readonly object: NonNullable<ReturnType<typeof readObject>>;
      readonly resourceVersion: string;
    }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  | { readonly error: KubeError };

const KINDS: Readonly<Record<string, 'changed' | 'removed'>> = {
  ADDED: 'changed',
  MODIFIED: 'changed',
  DELETED: 'removed',
};

/** One line (apimachinery: pkg/apis/meta/v1 WatchEvent). */
function parseEvent(call: KubeCall, line: string | undefined): WatchEvent {
  const event = parse(line);
  const [type, content] = [member(event, 'type'), member(event, 'object')];
  const resourceVersion = resourceVersionOf(content);
  if (type === 'BOOKMARK' && resourceVersion !== undefined) return { kind: 'bookmark', resourceVersion };
  if (type === 'ERROR') return { error: errorOf(call, content) };
  const kind = typeof type === 'string' && Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  const object = readObject(content);
  if (kind !== undefined && object !== undefined) return { kind, object, resourceVersion: object.resourceVersion };
  return { error: new KubeError(call, { failure: 'Unreadable', sentence: 'an event of the watch is not understood' }) };
}

function parse(line: string | undefined) {
  try {
    const value: unknown = JSON.parse(line ?? '');
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function errorOf(call: KubeCall, status: unknown): KubeError {
  const code = isJsonObject(status) ? member(status, 'code') : undefined;
  return refusalOf(call, { status: typeof code === 'number' ? code : 500, retryAfter: undefined, body: status });
}
