import * as v from 'valibot';
import { BODY_NAMES } from './bodies.ts';

/** What the load generator is told to do: one cell. */
export const LoadOrderSchema = v.strictObject({
  /** Process whose CPU is counted. */
  pid: v.number(),
  port: v.number(),
  authority: v.string(),
  path: v.string(),
  body: v.picklist(BODY_NAMES),
  /** `kept`: connections that send one request after the other. `new`: a connection for each request, in turn. */
  connections: v.picklist(['kept', 'new']),
  /** How many at once. */
  concurrency: v.number(),
  /** Time before anything is counted. */
  warmMilliseconds: v.number(),
  milliseconds: v.number(),
});

/** What the load generator is told to do: one cell. */
export type LoadOrder = v.InferOutput<typeof LoadOrderSchema>;

/** What came of a cell; every answer was the right one. */
export const LoadResultSchema = v.strictObject({
  requests: v.number(),
  requestsPerSecond: v.number(),
  /** CPU of the server for each request. */
  cpuMilliseconds: v.number(),
  /** From the first byte written to the whole answer, milliseconds. */
  p50Milliseconds: v.number(),
  p99Milliseconds: v.number(),
});

/** What came of a cell; every answer was the right one. */
export type LoadResult = v.InferOutput<typeof LoadResultSchema>;

/** What the load generator sends back. */
export const LoadReplySchema = v.union([
  v.strictObject({ result: LoadResultSchema }),
  v.strictObject({ fault: v.string() }),
]);
