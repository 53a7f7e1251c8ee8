import { type Clock, sleep } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import type { KubeObject } from './kube-object.ts';
import { type Collection, nameOfTarget, type Selection } from './resource.ts';
import { backOffDelay } from './retry.ts';
import { readWatchStream, type StreamEnd } from './watch-stream.ts';

/** Told of what is watched, in order. What it throws ends the watch. */
export interface WatchHandler {
  /** All there is: at the start, and whenever the API server no longer knows what happened since. */
  readonly listed: (objects: readonly KubeObject[]) => void;
  /** An object came, or is no longer as it was. */
  readonly changed: (object: KubeObject) => void;
  readonly removed: (object: KubeObject) => void;
  /** The watch does not get on, and tries again after a while. */
  readonly troubled?: (error: KubeError, retryMilliseconds: number) => void;
  /** It gets on again. */
  readonly recovered?: () => void;
}

/** What to watch, and with what. */
export interface WatchOptions extends Selection {
  readonly client: Pick<KubeClient, 'list' | 'stream'>;
  readonly collection: Collection;
  readonly handler: WatchHandler;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Begins there, without a list. */
  readonly resourceVersion?: string;
  readonly times?: WatchTimes;
}

/** How a watch keeps time, in seconds. */
export interface WatchTimes {
  /** Asked of the API server for each stream: from `streamSeconds` to twice as much, so that not all come back at once. */
  readonly streamSeconds: number;
  /** A connection that is silent for so long is given up. Bookmarks come about every minute. */
  readonly silenceSeconds: number;
  /** A stream that lived so long was no trouble. */
  readonly steadySeconds: number;
  readonly firstDelaySeconds: number;
  readonly longestDelaySeconds: number;
}

/** As an API server does by itself, which ends a watch after 30 to 60 minutes (kube-apiserver --min-request-timeout). */
const TIMES: WatchTimes = {
  streamSeconds: 1800,
  silenceSeconds: 300,
  steadySeconds: 30,
  firstDelaySeconds: 1,
  longestDelaySeconds: 30,
};

/**
 * Watches objects for ever: a stream that ends is opened again where it ended, one that fails after 1 to 30 seconds,
 * and what the API server has forgotten (410) is listed anew.
 *
 * @throws the signal's reason; nothing else, but for what the handler throws
 */
export async function watchObjects(options: WatchOptions): Promise<never> {
  const { handler, clock, random, signal, times = TIMES } = options;
  let resourceVersion = options.resourceVersion;
  let failures = 0;
  let isTroubled = false;
  const opened = (): void => {
    if (isTroubled) handler.recovered?.();
    isTroubled = false;
  };
  for (;;) {
    const start = clock.now();
    // One stream after the other.
    // oxlint-disable-next-line no-await-in-loop
    const { error, ...end } = await watchOnce({ ...options, times, opened }, resourceVersion);
    resourceVersion = end.resourceVersion;
    const wasSteady = clock.now() - start >= times.steadySeconds * 1000;
    if (wasSteady) failures = 0;
    if (wasSteady && error === undefined) continue;
    failures += 1;
    const delay = 1000 * delaySeconds(times, failures, random());
    if (error !== undefined) {
      isTroubled = true;
      handler.troubled?.(error, delay);
    }
    // oxlint-disable-next-line no-await-in-loop
    await sleep(clock, delay, signal);
  }
}

function delaySeconds(
  { firstDelaySeconds, longestDelaySeconds }: WatchTimes,
  failures: number,
  random: number,
): number {
  return backOffDelay({ failures, first: firstDelaySeconds, longest: longestDelaySeconds, random });
}

/** What became of one stream. */
interface WatchEnd {
  /** Undefined: list anew. */
  readonly resourceVersion: string | undefined;
  readonly error: KubeError | undefined;
}

type OnceOptions = WatchOptions & { readonly times: WatchTimes; readonly opened: () => void };

async function watchOnce(options: OnceOptions, from: string | undefined): Promise<WatchEnd> {
  const { client, collection, handler, fieldSelector, labelSelector, signal, random, times } = options;
  const selection = { ...(fieldSelector && { fieldSelector }), ...(labelSelector && { labelSelector }) };
  let resourceVersion = from;
  try {
    if (resourceVersion === undefined) {
      const list = await client.list(collection, selection);
      signal.throwIfAborted();
      handler.listed(list.items);
      resourceVersion = list.resourceVersion;
    }
    const timeoutSeconds = Math.round(times.streamSeconds * (1 + random()));
    const end = await follow(options, { ...selection, resourceVersion, timeoutSeconds });
    signal.throwIfAborted();
    return afterError(end.error, end.resourceVersion);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeError)) throw error;
    return afterError(error, resourceVersion);
  }
}

/** What the API server has forgotten, or says in a way that we do not understand, is listed anew. */
function afterError(error: KubeError | undefined, resourceVersion: string | undefined): WatchEnd {
  const isLost = error?.failure === 'Gone' || error?.failure === 'Unreadable';
  return { error, resourceVersion: isLost ? undefined : resourceVersion };
}

async function follow(
  { client, collection, handler, clock, signal, times, opened }: OnceOptions,
  query: Parameters<KubeClient['stream']>[1],
): Promise<StreamEnd> {
  const silence = new AbortController();
  const response = await client.stream(collection, query, AbortSignal.any([signal, silence.signal]));
  opened();
  const end = await readWatchStream(response, {
    call: { verb: 'watch', target: nameOfTarget(collection) },
    resourceVersion: query.resourceVersion,
    handler,
    // Listens anew after each chunk; the stream ends by the signal.
    watchdog: () => clock.schedule(times.silenceSeconds * 1000, () => silence.abort()),
  });
  return silence.signal.aborted ? { ...end, error: undefined } : end;
}
