import type { Limits } from './limits.ts';
import { Refusal } from './refusal.ts';

/**
 * Bounds how many requests are under way and how many bytes of bodies are held, whoever sends them: without client
 * certificates anybody in the cluster can post to us. Who is turned away is told to come again in a second, and
 * client-go does (rest/with_retry.go).
 */
export class Gate {
  readonly #limits: Limits;
  #requests = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Requests under way. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Lets a request in; `leave` must be called once for each.
   *
   * @throws {Refusal} TooManyRequests
   */
  enter(): void {
    if (this.#requests >= this.#limits.requests) {
      throw new Refusal('TooManyRequests', `${this.#limits.requests} requests are under way already; try again`);
    }
    this.#requests++;
  }

  leave(): void {
    this.#requests--;
  }

  /**
   * Counts bytes that are about to be held; `release` gives them back.
   *
   * @throws {Refusal} TooManyRequests when all bodies together would be too large; nothing is counted then
   */
  hold(bytes: number): void {
    if (this.#bytes + bytes > this.#limits.bufferedBytes) {
      throw new Refusal('TooManyRequests', `bodies of ${this.#bytes} bytes are under way already; try again`);
    }
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
