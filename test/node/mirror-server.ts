import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { deadline } from '../certificates/deadline.ts';
import { createAuthority, issueServingCertificate } from '../../src/certificates/authority.ts';

/** Answers one path. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** An https server that holds files, in the layout of the release bucket or any other. */
export interface MirrorServer extends AsyncDisposable {
  /** Such as `https://localhost:1234`. */
  readonly origin: string;
  /** The certificate, in PEM, by which a client knows it. */
  readonly authority: string;
  /** Bytes, or what to do, by path. Other paths are 404 with a page of HTML, as in the release bucket. */
  readonly answers: Map<string, Buffer | Answer>;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Waits until no client holds a connection. */
  readonly idle: () => Promise<void>;
}

/** Starts the server on a free port of this machine. */
export async function startMirrorServer(): Promise<MirrorServer> {
  const now = new Date();
  const authority = await createAuthority({ now, days: 1, commonName: 'mirror authority' });
  const pair = await issueServingCertificate(authority, { now, days: 1, dnsNames: ['localhost'] });
  const answers = new Map<string, Buffer | Answer>();
  const asked: string[] = [];
  const server = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
    asked.push(request.url ?? '');
    const answer = answers.get(request.url ?? '');
    if (answer === undefined) response.writeHead(404, { 'content-type': 'text/html' }).end('<html>no such key</html>');
    else if (Buffer.isBuffer(answer)) response.writeHead(200, { 'content-length': answer.length }).end(answer);
    else answer(response, request);
  });
  const sockets = new Set<Duplex>();
  server.on('connection', socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port');
  return {
    origin: `https://localhost:${address.port}`,
    authority: authority.certificate,
    answers,
    asked,
    idle: async () => {
      await Promise.all([...sockets].map(socket => deadline(once(socket, 'close'), 'a connection to end')));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
