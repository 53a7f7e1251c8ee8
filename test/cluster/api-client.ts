import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { certificateFile } from './cluster-certificates.ts';
import { API_SERVER } from './layout.ts';

/** The API server's answer. */
export interface ApiAnswer {
  /** 0 when the connection failed; the body then says how. */
  readonly status: number;
  readonly body: string;
  /** As sent in `Warning` headers. */
  readonly warnings: readonly string[];
}

/** The API server, asked without kubectl between: as fast as the tests like, and with bodies that kubectl would change. */
export interface ApiClient {
  readonly post: (path: string, body: string) => Promise<ApiAnswer>;
  readonly get: (path: string) => Promise<ApiAnswer>;
  readonly close: () => void;
}

const TIMEOUT_MILLISECONDS = 40_000;

/** A client with kept-alive connections and the administrator's certificate. */
export function createApiClient(): ApiClient {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 8,
    ca: readFileSync(certificateFile('ca', 'crt')),
    cert: readFileSync(certificateFile('admin', 'crt')),
    key: readFileSync(certificateFile('admin', 'key')),
  });
  const send = async (method: string, path: string, body: string): Promise<ApiAnswer> => {
    const { promise, resolve } = Promise.withResolvers<ApiAnswer>();
    const failed = (error: Error): void => resolve({ status: 0, body: error.message, warnings: [] });
    const headers = { 'content-type': 'application/json' };
    const options = { method, agent, headers, timeout: TIMEOUT_MILLISECONDS };
    const sent = request(`${API_SERVER}${path}`, options, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', failed);
      response.once('end', () => {
        const warning = response.headers['warning'] ?? '';
        const warnings = [...warning.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text);
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), warnings });
      });
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.once('error', failed);
    sent.end(body);
    return await promise;
  };
  return {
    post: async (path, body) => await send('POST', path, body),
    get: async path => await send('GET', path, ''),
    close: () => agent.destroy(),
  };
}
