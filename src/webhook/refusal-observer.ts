import type { Log } from '../record/log.ts';
import type { Metrics } from './metrics.ts';
import type { Refusal } from './refusal.ts';

/** Log lines for refusals in one second; anybody may cause them, and the log is for decisions. */
const LINES_PER_SECOND = 20;

/** Where a refused request went; both printable. */
export interface RefusedRequest {
  readonly method: string;
  readonly path: string;
}

/** What a {@link RefusalObserver} tells. */
export interface RefusalObserverOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/**
 * Counts refusals and logs them: code, field and place, never a value of the request. The message is for the client
 * only, since it may quote what the client sent.
 */
export class RefusalObserver {
  readonly #options: RefusalObserverOptions;
  #second = 0;
  #lines = 0;
  #suppressed = 0;

  constructor(options: RefusalObserverOptions) {
    this.#options = options;
  }

  /** A request, or a connection, that gets no decision. */
  refused({ code, field, status }: Refusal, request?: RefusedRequest): void {
    this.#options.metrics.refused(code);
    if (!this.#mayLog()) {
      this.#suppressed++;
      return;
    }
    const suppressed = this.#suppressed === 0 ? {} : { suppressed: this.#suppressed };
    this.#suppressed = 0;
    this.#options.log.info('requestRefused', {
      code,
      status,
      ...(field === undefined ? {} : { field }),
      ...request,
      ...suppressed,
    });
  }

  /** A fault of our own. */
  failed(error: unknown, path: string): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log.error('internalError', { path, stack });
  }

  #mayLog(): boolean {
    const second = Math.floor(this.#options.now().getTime() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    return ++this.#lines <= LINES_PER_SECOND;
  }
}
