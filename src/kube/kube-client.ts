import type { IncomingMessage } from 'node:http';
import { type Clock, sleep } from './clock.ts';
import { type KubeConnection, unreachable, type WireRequest } from './connection.ts';
import { type KubeCall, KubeError, type KubeFailure, refusalOf } from './kube-error.ts';
import { type KubeList, type KubeObject, readList, readObject } from './kube-object.ts';
import { patchContent, type Patch } from './patch.ts';
import {
  type Collection,
  collectionPath,
  nameOfTarget,
  type Selection,
  type Target,
  targetPath,
  withQuery,
} from './resource.ts';
import { retryDelay } from './retry.ts';

/** Where a watch begins, and for how long it asks. */
export interface WatchQuery extends Selection {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
}

/** How an object is removed. */
export interface Removal {
  /** Removes this one only, not one that has its name meanwhile. */
  readonly uid: string;
  readonly graceSeconds?: number;
}

/**
 * The calls of an API server that the product makes. Each has a deadline, and those that may be made twice are tried
 * again after what may pass. All of them end with the client's signal.
 *
 * @throws {KubeError} for whatever the API server, or the way to it, says
 */
export interface KubeClient {
  readonly get: (target: Target) => Promise<KubeObject>;
  readonly list: (collection: Collection, selection?: Selection) => Promise<KubeList>;
  readonly create: (collection: Collection, object: object) => Promise<KubeObject>;
  readonly patch: (target: Target, patch: Patch) => Promise<KubeObject>;
  /** One that is gone, or has another uid, is no error. */
  readonly remove: (target: Target, removal: Removal) => Promise<void>;
  /** Opens a watch, once: `watchObjects()` is what stays. Its signal ends the stream too. */
  readonly stream: (collection: Collection, query: WatchQuery, signal: AbortSignal) => Promise<IncomingMessage>;
  readonly close: () => void;
}

/** What became of a try, for who counts: `done`, or why not. */
export type CallResult = 'done' | KubeFailure;

/** The surroundings of a client. */
export interface KubeClientOptions {
  readonly connection: KubeConnection;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Ends every call. */
  readonly signal: AbortSignal;
  /** Told of every request that was sent, with its verb. */
  readonly onCall?: (verb: string, result: CallResult) => void;
  /** Of one try. */
  readonly deadlineSeconds?: number;
}

const DEADLINE_SECONDS = 15;
/** etcd takes objects of 1.5 MiB; a list of ours has a few. */
const MAXIMUM_BODY_BYTES = 16 * 1024 * 1024;

/** A client of an API server. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const exchange = async (call: KubeCall, wire: WireRequest): Promise<unknown> =>
    await withRetries(options, { call, wire, idempotent: wire.method !== 'POST' });
  const object = async (call: KubeCall, wire: WireRequest): Promise<KubeObject> =>
    understood(call, readObject(await exchange(call, wire)));
  return {
    get: async target => await object(callOf('get', target), { method: 'GET', path: targetPath(target) }),
    list: async (collection, selection = {}) => {
      const call = callOf('list', collection);
      const path = withQuery(collectionPath(collection), { ...selection });
      return understood(call, readList(await exchange(call, { method: 'GET', path })));
    },
    create: async (collection, content) => {
      const body = { type: 'application/json', text: JSON.stringify(content) };
      return await object(callOf('create', collection), { method: 'POST', path: collectionPath(collection), body });
    },
    patch: async (target, patch) =>
      await object(callOf('patch', target), { method: 'PATCH', path: targetPath(target), body: patchContent(patch) }),
    remove: async (target, removal) => {
      const wire = { method: 'DELETE', path: targetPath(target), body: removalContent(removal) } as const;
      await unlessGone(exchange(callOf('delete', target), wire));
    },
    stream: async (collection, query, signal) => await openStream(options, { collection, query, signal }),
    close: () => options.connection.close(),
  };
}

function callOf(verb: string, target: Collection | Target): KubeCall {
  return { verb, target: nameOfTarget(target) };
}

function removalContent({ uid, graceSeconds }: Removal): NonNullable<WireRequest['body']> {
  const grace = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
  const text = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid }, ...grace });
  return { type: 'application/json', text };
}

/** A precondition that does not hold is a Conflict: another object has the name. */
async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof KubeError) || (error.failure !== 'NotFound' && error.failure !== 'Conflict')) throw error;
  }
}

function understood<Value>(call: KubeCall, value: Value | undefined): Value {
  if (value !== undefined) return value;
  const sentence = 'the answer is no object of Kubernetes';
  throw new KubeError(call, { failure: 'Unreadable', sentence });
}

interface Exchange {
  readonly call: KubeCall;
  readonly wire: WireRequest;
  readonly idempotent: boolean;
}

async function withRetries(options: KubeClientOptions, exchange: Exchange): Promise<unknown> {
  const { clock, random, signal } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      // Each try waits for the one before.
      // oxlint-disable-next-line no-await-in-loop
      return await tryOnce(options, exchange);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const delay = retryDelay({ error, tries, idempotent: exchange.idempotent, random: random() });
      if (delay === undefined) throw error;
      // oxlint-disable-next-line no-await-in-loop
      await sleep(clock, delay, signal);
    }
  }
}

async function tryOnce(options: KubeClientOptions, { call, wire }: Exchange): Promise<unknown> {
  return await withDeadline(options, call, async signal => {
    const response = await options.connection.open(call, wire, signal);
    const body = parse(await readBody(call, response));
    if (isDone(response)) return understood(call, body);
    throw refusal(call, response, body);
  });
}

async function openStream(
  options: KubeClientOptions,
  { collection, query, signal }: { collection: Collection; query: WatchQuery; signal: AbortSignal },
): Promise<IncomingMessage> {
  const { resourceVersion, timeoutSeconds, fieldSelector, labelSelector } = query;
  const call = callOf('watch', collection);
  const path = withQuery(collectionPath(collection), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: String(timeoutSeconds),
    fieldSelector,
    labelSelector,
  });
  const both = AbortSignal.any([signal, options.signal]);
  return await withDeadline({ ...options, signal: both }, call, async (deadline, keep) => {
    const response = await options.connection.open(call, { method: 'GET', path }, deadline);
    if (!isDone(response)) throw refusal(call, response, parse(await readBody(call, response)));
    keep();
    return response;
  });
}

/**
 * Runs one try until its deadline.
 *
 * @param work its signal also ends with the client's; `keep` lifts the deadline, for a stream that goes on
 */
async function withDeadline<Value>(
  { clock, signal, onCall, deadlineSeconds = DEADLINE_SECONDS }: KubeClientOptions,
  call: KubeCall,
  work: (signal: AbortSignal, keep: () => void) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const sentence = `there was no answer within ${deadlineSeconds} s`;
  const late = new KubeError(call, { failure: 'Unreachable', sentence });
  const cancel = clock.schedule(deadlineSeconds * 1000, () => controller.abort(late));
  try {
    const value = await work(AbortSignal.any([signal, controller.signal]), cancel);
    onCall?.(call.verb, 'done');
    return value;
  } catch (error) {
    signal.throwIfAborted();
    const reason: unknown = controller.signal.aborted ? late : error;
    if (reason instanceof KubeError) onCall?.(call.verb, reason.failure);
    throw reason;
  } finally {
    cancel();
  }
}

function isDone({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function refusal(call: KubeCall, { statusCode = 0, headers }: IncomingMessage, body: unknown): KubeError {
  return refusalOf(call, { status: statusCode, retryAfter: headers['retry-after'], body });
}

async function readBody(call: KubeCall, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      if (!Buffer.isBuffer(chunk)) continue;
      length += chunk.length;
      if (length > MAXIMUM_BODY_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(call, error instanceof Error ? error : new Error(String(error)));
  }
  if (length <= MAXIMUM_BODY_BYTES) return Buffer.concat(chunks).toString('utf8');
  throw new KubeError(call, {
    failure: 'Unreadable',
    sentence: `the answer is longer than ${MAXIMUM_BODY_BYTES} bytes`,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
