import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Test } from 'tap';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';
import type { Credentials, ServerAccess } from '../../src/kube/server-access.ts';

/** A request as it came. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request. */
export type Answer = (response: ServerResponse, request: ServedRequest) => void;

/** What speaks the API server's protocol as far as a test has it. */
export interface ApiServer {
  readonly access: ServerAccess;
  /** In the order in which they came. */
  readonly requests: readonly ServedRequest[];
  /** Connections that were made until now. */
  readonly connections: () => number;
  /** What the client is given from now on. */
  setCredentials(credentials: Partial<Credentials>): void;
  /** Ends every connection, in the middle of whatever is under way. */
  cut(): void;
}

const certificates = makeDevelopmentCertificates({
  now: new Date(),
  days: 2,
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1'],
});

/** An HTTPS server on loopback. Answers come from the list, in order; the last one is given again and again. */
export async function serveApi(t: Test, answers: readonly [Answer, ...Answer[]]): Promise<ApiServer> {
  const { ca, serving } = await certificates;
  const requests: ServedRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ cert: serving.certificate, key: serving.key }, (incoming, response) => {
    const answerTo = (request: ServedRequest): void => {
      const answer = answers[Math.min(requests.length, answers.length - 1)] ?? answers[0];
      requests.push(request);
      answer(response, request);
    };
    // Whoever went away needs no answer.
    take(incoming).then(answerTo, () => undefined);
  });
  server.on('secureConnection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.listen(0, '127.0.0.1', () => resolve(undefined));
  await promise;
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  let credentials: Credentials = { authority: ca, token: 'token-1' };
  return {
    access: { server: new URL(`https://127.0.0.1:${portOf(server.address())}`), credentials: async () => credentials },
    requests,
    connections: () => connections,
    setCredentials: changes => {
      credentials = { ...credentials, ...changes };
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** An answer of JSON. */
export function json(
  value: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): Answer {
  return response => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };
}

/** An answer that says no, as an API server does. */
export function status(
  code: number,
  reason: string,
  { message = `because of ${reason}`, headers = {} }: { message?: string; headers?: Record<string, string> } = {},
): Answer {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code };
  return json(body, { status: code, headers });
}

/** A Node at one version, with labels. */
export function nodeObject(resourceVersion: string, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', uid: 'uid-1', resourceVersion, labels } };
}

/** A list of such Nodes. */
export function nodeList(resourceVersion: string, items: readonly object[]): object {
  return { apiVersion: 'v1', kind: 'NodeList', metadata: { resourceVersion }, items };
}

/** One event of a watch, as a line. */
export function watchLine(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function portOf(address: string | AddressInfo | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function take(incoming: IncomingMessage): Promise<ServedRequest> {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(incoming, 'end');
  const url = new URL(incoming.url ?? '/', 'https://127.0.0.1');
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString(),
  };
}
