import type { Limits } from './limits.ts';
import { Refusal } from './refusal.ts';

/**
 * Bounds the bytes of bodies that are held at once, in all and for each client address: without client certificates
 * anybody in the cluster can post to us, and one client must not use up what all share. Who is turned away is told to
 * come again in a second, and client-go does (rest/with_retry.go).
 *
 * Requests have no bound of their own: one costs nothing until its bytes come, a connection carries one at a time, and
 * connections are bounded.
 */
export class Gate {
  readonly #limits: Limits;
  readonly #byAddress = new Map<string, number>();
  #requests = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Requests under way. */
  get requests(): number {
    return this.#requests;
  }

  /** Counts a request; `leave` must be called once for each. */
  enter(): void {
    this.#requests++;
  }

  leave(): void {
    this.#requests--;
  }

  /**
   * Counts bytes that are about to be held; `release` gives them back.
   *
   * @throws {Refusal} TooManyRequests when there would be too many; nothing is counted then
   */
  hold(address: string, bytes: number): void {
    const held = this.#byAddress.get(address) ?? 0;
    const { bufferedBytes, bufferedBytesPerAddress } = this.#limits;
    if (this.#bytes + bytes > bufferedBytes || held + bytes > bufferedBytesPerAddress) {
      throw new Refusal('TooManyRequests', `bodies of ${this.#bytes} bytes are under way already; try again`);
    }
    this.#bytes += bytes;
    this.#byAddress.set(address, held + bytes);
  }

  release(address: string, bytes: number): void {
    this.#bytes -= bytes;
    const held = (this.#byAddress.get(address) ?? 0) - bytes;
    if (held > 0) this.#byAddress.set(address, held);
    else this.#byAddress.delete(address);
  }
}
