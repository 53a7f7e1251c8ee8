import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { type LoadOrder, LoadReplySchema, type LoadResult } from './load-order.ts';

/** Longer than any cell takes. */
const REPLY_MILLISECONDS = 120_000;

/** The load generator as its parent sees it. */
export class LoadClient implements Disposable {
  readonly #process: ChildProcess;
  readonly #signal: AbortSignal;

  /** @param signal kills the load generator when it is aborted */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#process = fork(fileURLToPath(new URL('load-generator.ts', import.meta.url)), { execArgv: [] });
  }

  /**
   * Runs one cell.
   *
   * @throws {Error} when an answer was wrong, a connection broke or the run was aborted
   */
  async run(order: LoadOrder): Promise<LoadResult> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(REPLY_MILLISECONDS), over.signal]);
    const answered = once(this.#process, 'message', { signal });
    const ended = once(this.#process, 'exit', { signal }).then(() => {
      throw new Error('the load generator ended');
    });
    this.#process.send(order);
    let messages: readonly unknown[];
    try {
      messages = await Promise.race([answered, ended]);
    } finally {
      over.abort();
    }
    const reply = v.parse(LoadReplySchema, messages[0]);
    if ('fault' in reply) throw new Error(`${order.body} on ${order.concurrency} connections: ${reply.fault}`);
    return reply.result;
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }
}
