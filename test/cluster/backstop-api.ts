import { Agent, request } from 'node:https';
import type { ApiAnswer } from './api-client.ts';

/** Somebody else, for whom the administrator asks. */
export interface ActingAs {
  readonly username: string;
  readonly groups?: readonly string[];
}

/** One request to an API server. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Sent as it is when it is a text, else as JSON. */
  readonly body?: object | string;
  /** Default: a merge patch for PATCH, JSON for all others. */
  readonly contentType?: string;
  /** Default: the administrator. */
  readonly as?: ActingAs | undefined;
}

/** An API server, asked by anybody, also for changes and by media types that kubectl would not send. */
export interface Api {
  readonly call: (call: ApiCall) => Promise<ApiAnswer>;
  readonly close: () => void;
}

/** How to reach an API server as its administrator. */
export interface ApiAccess {
  /** Such as `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  /** A bearer token, or a client certificate in PEM. */
  readonly credentials: { readonly token: string } | { readonly cert: string; readonly key: string };
}

const TIMEOUT_MILLISECONDS = 60_000;

/** A client with kept-alive connections. */
export function createApi({ server, ca, credentials }: ApiAccess): Api {
  const hasToken = 'token' in credentials;
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ca, ...(hasToken ? {} : credentials) });
  const authorization = hasToken ? { authorization: `Bearer ${credentials.token}` } : {};
  return {
    call: async call => {
      const { method, path, body, as } = call;
      const { promise, resolve } = Promise.withResolvers<ApiAnswer>();
      const failed = (error: Error): void => resolve({ status: 0, body: error.message, warnings: [] });
      const headers = { ...authorization, ...impersonation(as), 'content-type': contentTypeOf(call) };
      const options = { method, agent, headers, timeout: TIMEOUT_MILLISECONDS };
      const sent = request(`${server}${path}`, options, response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', failed);
        response.once('end', () => {
          const warnings = warningsOf(response.headers['warning'] ?? '');
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), warnings });
        });
      });
      sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
      sent.once('error', failed);
      sent.end(typeof body === 'object' ? JSON.stringify(body) : body);
      return await promise;
    },
    close: () => agent.destroy(),
  };
}

function contentTypeOf({ method, contentType }: ApiCall): string {
  return contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
}

function impersonation(as: ActingAs | undefined): Record<string, string | string[]> {
  if (as === undefined) return {};
  const groups = as.groups ?? [];
  return { 'impersonate-user': as.username, ...(groups.length > 0 ? { 'impersonate-group': [...groups] } : {}) };
}

function warningsOf(header: string): readonly string[] {
  return [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'));
}
