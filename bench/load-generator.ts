/** The load generator, a process of its own: it takes orders over the channel to its parent, one at a time. */
import * as v from 'valibot';
import { admissionReview } from './bodies.ts';
import { checkAnswer } from './check-answer.ts';
import { Connection, type Answer, postRequest } from './connection.ts';
import { cpuMilliseconds } from './kernel-accounts.ts';
import { type LoadOrder, LoadOrderSchema, type LoadResult } from './load-order.ts';
import { quantile } from './statistics.ts';

process.on('message', message => {
  void answer(message);
});
process.on('disconnect', () => process.exit());

async function answer(message: unknown): Promise<void> {
  try {
    process.send?.({ result: await run(v.parse(LoadOrderSchema, message)) });
  } catch (error) {
    process.send?.({ fault: error instanceof Error ? error.message : String(error) });
  }
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const request = postRequest(order.path, admissionReview(order.body));
  using clients = new DisposableStack();
  const senders: Sender[] = [];
  for (let count = 0; count < order.concurrency; count++) {
    const kept = order.connections === 'kept' ? clients.use(await Connection.open(order)) : undefined;
    senders.push(kept === undefined ? newConnectionSender(order, request) : () => kept.exchange(request));
  }
  const expected = await (senders[0] ?? newConnectionSender(order, request))();
  checkAnswer(expected);
  await sendFor(order.warmMilliseconds, senders, expected);
  const cpuBefore = cpuMilliseconds(order.pid);
  const start = performance.now();
  const latencies = await sendFor(order.milliseconds, senders, expected);
  const seconds = (performance.now() - start) / 1000;
  const cpu = cpuMilliseconds(order.pid) - cpuBefore;
  const sorted = Float64Array.from(latencies).toSorted();
  return {
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    cpuMilliseconds: cpu / latencies.length,
    p50Milliseconds: quantile(sorted, 0.5),
    p99Milliseconds: quantile(sorted, 0.99),
  };
}

type Sender = () => Promise<Answer>;

function newConnectionSender(order: LoadOrder, request: Buffer): Sender {
  return async () => {
    using connection = await Connection.open(order);
    return await connection.exchange(request);
  };
}

/** All senders at once, each one request after the other, until the time is up. @returns milliseconds of each request */
async function sendFor(milliseconds: number, senders: readonly Sender[], expected: Answer): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + milliseconds;
  await Promise.all(
    senders.map(async send => {
      for (let start = performance.now(); start < end; ) {
        const received = await send();
        const now = performance.now();
        latencies.push(now - start);
        start = now;
        // The same question gets the same answer, so that comparing bytes checks it whole.
        if (received.status !== expected.status || !received.body.equals(expected.body)) {
          checkAnswer(received);
          throw new Error(`two answers to one question: ${received.body.toString('utf8').slice(0, 300)}`);
        }
      }
    }),
  );
  return latencies;
}
