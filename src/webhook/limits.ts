/** What a single client, or all of them together, may ask of the server. */
export interface Limits {
  /** Largest body, bytes. The API server takes 3 MiB from its clients and adds the envelope to it. */
  readonly bodyBytes: number;
  /** Bytes of bodies that may be held at once; beyond it a request gets 429 and `Retry-After`. */
  readonly bufferedBytes: number;
  /** The share of it that one client address may have. */
  readonly bufferedBytesPerAddress: number;
  /** Connections; further ones are closed. */
  readonly connections: number;
  /** The share of them that one client address may have; the API server keeps 25 and opens more in bursts. */
  readonly connectionsPerAddress: number;
  /** Deepest nesting of objects and arrays; a Pod has about 15 levels. */
  readonly depth: number;
  /**
   * Most members and items in a body, all objects and arrays together; a Pod of 1 MB has about 60,000. Small values cost
   * far more memory than text: without this, 4 MiB of them end a process with the heap of the Deployment.
   */
  readonly values: number;
  /** How long an idle connection is kept. The API server gives up its own after 90 s, so that ours must live longer. */
  readonly keepAliveMilliseconds: number;
  /** Time for a request's headers, and for the TLS handshake. */
  readonly headersMilliseconds: number;
  /** Time for a whole request, body included. */
  readonly requestMilliseconds: number;
  /** How often the two times above are looked at. */
  readonly checkMilliseconds: number;
}

/** The limits of `serve`. */
export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 8 * 1024 * 1024,
  bufferedBytes: 32 * 1024 * 1024,
  bufferedBytesPerAddress: 16 * 1024 * 1024,
  connections: 2048,
  connectionsPerAddress: 512,
  depth: 200,
  values: 200_000,
  keepAliveMilliseconds: 120_000,
  headersMilliseconds: 10_000,
  requestMilliseconds: 20_000,
  checkMilliseconds: 2_000,
};
