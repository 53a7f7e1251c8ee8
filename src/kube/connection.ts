import type { IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import { systemErrorCode } from '../errors/user-error.ts';
import { KubeError, type KubeCall } from './kube-error.ts';
import type { Credentials, ServerAccess } from './server-access.ts';

/** One request, as it goes over the wire. */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly text: string } | undefined;
}

/** Connections to an API server, kept open between calls. */
export interface KubeConnection {
  /**
   * Sends a request, and comes back with the head of its answer; whoever gets it reads the rest, or destroys it.
   *
   * @throws {KubeError} Unreachable
   * @throws the signal's reason once it is aborted; the answer's stream ends by it too
   */
  readonly open: (call: KubeCall, request: WireRequest, signal: AbortSignal) => Promise<IncomingMessage>;
  readonly close: () => void;
}

/**
 * A connection that nobody uses is closed before the API server, or something on the way, does that unseen (the API
 * server's own limit is 90 s).
 */
const FREE_SOCKET_MILLISECONDS = 30_000;
/** First keep-alive probe of TCP on a connection that is silent, such as that of a watch. */
const PROBE_MILLISECONDS = 15_000;
/** A watch has one of its own, and calls come one after the other. */
const MAXIMUM_SOCKETS = 8;

/** What says that no byte of a request has left. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL']);

/**
 * Opens connections when they are needed. Credentials are read before every request, so that a token or an authority
 * that was renewed counts at once.
 *
 * @param userAgent names us in the API server's audit log
 */
export function connectKube(access: ServerAccess, userAgent: string): KubeConnection {
  const pool = new AgentPool();
  return {
    open: async (call, wire, signal) => {
      const credentials = await readCredentials(call, access);
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const sent = request(new URL(wire.path, access.server), {
        method: wire.method,
        agent: pool.agentFor(credentials),
        headers: headersOf(wire, credentials, userAgent),
        signal,
      });
      sent.once('response', resolve);
      // A second one comes when an answer breaks off, which its reader is told of too.
      sent.on('error', error => reject(signal.aborted ? signal.reason : unreachable(call, error)));
      sent.end(wire.body?.text);
      return await promise;
    },
    close: () => pool.close(),
  };
}

/** One pool of sockets for each set of certificates; a set that is replaced keeps what is still open. */
class AgentPool {
  #agents: Agent[] = [];
  #key = '';

  agentFor({ authority, clientCertificate }: Credentials): Agent {
    const key = JSON.stringify([authority, clientCertificate]);
    const [current] = this.#agents;
    if (current !== undefined && key === this.#key) return current;
    const options: AgentOptions = {
      keepAlive: true,
      keepAliveMsecs: PROBE_MILLISECONDS,
      timeout: FREE_SOCKET_MILLISECONDS,
      maxSockets: MAXIMUM_SOCKETS,
      ca: authority,
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key }),
    };
    const agent = new Agent(options);
    // What the former one has free ends by itself.
    this.#agents = [agent, ...this.#agents.filter(({ sockets }) => Object.keys(sockets).length > 0)];
    this.#key = key;
    return agent;
  }

  close(): void {
    for (const agent of this.#agents.splice(0)) agent.destroy();
  }
}

async function readCredentials(call: KubeCall, access: ServerAccess): Promise<Credentials> {
  try {
    return await access.credentials();
  } catch (cause) {
    const sentence = `the credentials cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new KubeError(call, { failure: 'Unreachable', sentence, untouched: true, cause });
  }
}

function headersOf({ body }: WireRequest, { token }: Credentials, userAgent: string): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': userAgent,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': body.type, 'content-length': String(Buffer.byteLength(body.text)) }),
  };
}

/** The error of a request, or of an answer, that broke off. */
export function unreachable(call: KubeCall, cause: Error): KubeError {
  const code = systemErrorCode(cause) ?? '';
  // What Node says of certificates has codes without a number, such as CERT_HAS_EXPIRED or DEPTH_ZERO_SELF_SIGNED_CERT.
  const untouched = NEVER_SENT.has(code) || /CERT|ISSUER|SIGNATURE|ALTNAME/.test(code);
  return new KubeError(call, { failure: 'Unreachable', sentence: cause.message, untouched, cause });
}
