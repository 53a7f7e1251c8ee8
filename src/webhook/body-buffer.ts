import type { Gate } from './gate.ts';

/** What a body begins with when its length is not known. */
const FIRST_BYTES = 16 * 1024;

/** A length that a client states is reserved at once up to here only: stating costs nothing. */
const STATED_BYTES = 64 * 1024;

/** What a body is collected for. */
export interface BodyBufferOptions {
  readonly gate: Gate;
  /** The client's address, for its share. */
  readonly address: string;
  /** Largest body, bytes. */
  readonly limit: number;
  /** `Content-Length`, where the client states it. */
  readonly statedLength: number | undefined;
}

/**
 * The bytes of one body, in one buffer that grows: a body of a million chunks costs what one of a single chunk does. The
 * gate counts what is reserved, not what has come.
 */
export class BodyBuffer {
  readonly #options: BodyBufferOptions;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;
  #held = 0;

  constructor(options: BodyBufferOptions) {
    this.#options = options;
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#length;
  }

  /** @throws {Refusal} TooManyRequests when the gate has no room; nothing was added then */
  add(chunk: Buffer): void {
    const { statedLength } = this.#options;
    const needed = this.#length + chunk.length;
    if (this.#length === 0 && chunk.length === statedLength) {
      this.#reserve(needed);
      this.#buffer = chunk;
      this.#length = needed;
      return;
    }
    if (needed > this.#buffer.length) this.#grow(needed);
    chunk.copy(this.#buffer, this.#length);
    this.#length = needed;
  }

  /** The body; whoever takes it has to call `release` all the same. */
  whole(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets the body and gives its bytes back. */
  release(): void {
    this.#options.gate.release(this.#options.address, this.#held);
    this.#held = 0;
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
  }

  #grow(needed: number): void {
    const { limit, statedLength } = this.#options;
    const first = statedLength === undefined ? FIRST_BYTES : Math.min(statedLength, STATED_BYTES);
    const capacity = Math.max(needed, Math.min(limit, Math.max(first, this.#buffer.length * 2)));
    this.#reserve(capacity);
    const larger = Buffer.allocUnsafe(capacity);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  #reserve(bytes: number): void {
    this.#options.gate.hold(this.#options.address, bytes - this.#held);
    this.#held = bytes;
  }
}
