import type { SecureContextOptions } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { admissionPath, admissionTargets } from '../policy/admission-path.ts';
import { nearest } from '../policy/nearest.ts';
import { AdmissionHandler, type AdmissionHandlerOptions } from './admission-handler.ts';
import { ClientCertificates } from './client-certificate.ts';
import type { Gate } from './gate.ts';
import { addProbes } from './probes.ts';
import { readBody } from './read-body.ts';
import type { Readiness } from './readiness.ts';
import { Refusal } from './refusal.ts';
import { WITHOUT_SCHEMAS } from './without-schemas.ts';
import { pathOf, refuse } from './refuse.ts';
import { refuseConnection, refuseOnSocket } from './refuse-connection.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** `performance.now()` at the request line. */
    startedAt: number;
  }
}

/** A certificate chain and its key, PEM. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

/** What the webhook serves with. */
export interface WebhookServerOptions extends AdmissionHandlerOptions {
  readonly readiness: Readiness;
  readonly gate: Gate;
  /** Absent when there is none yet; `setSecureContext` brings one later. */
  readonly pair: PemPair | undefined;
  /** PEM bundle that client certificates are verified against. */
  readonly clientAuthority: string | undefined;
  /** Refuse `/mutate` without a verified client certificate; needs `clientAuthority`. */
  readonly requireClientCertificate: boolean;
}

/** TLS settings of the webhook, for the start and for `setSecureContext` alike. */
export function secureContextOptions(
  pair: PemPair | undefined,
  clientAuthority: string | undefined,
): SecureContextOptions {
  return {
    ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.key }),
    // Without an authority no certificate verifies. An empty list also keeps Node from loading the public ones.
    ca: clientAuthority === undefined ? [] : [clientAuthority],
    minVersion: 'TLSv1.2',
  };
}

/** The webhook as a fastify instance that does not listen yet. */
export function createWebhookServer(options: WebhookServerOptions): FastifyInstance {
  const { limits, readiness, pair, clientAuthority } = options;
  const app: FastifyInstance = fastify({
    https: {
      ...secureContextOptions(pair, clientAuthority),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: limits.headersMilliseconds,
      headersTimeout: limits.headersMilliseconds,
      connectionsCheckingInterval: limits.checkMilliseconds,
      // Node would refuse a request without it and say nothing; nothing here depends on it.
      requireHostHeader: false,
    },
    schemaController: WITHOUT_SCHEMAS,
    bodyLimit: limits.bodyBytes,
    keepAliveTimeout: limits.keepAliveMilliseconds,
    requestTimeout: limits.requestMilliseconds,
    // fastify would answer 503 to requests that arrive while it closes.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, options),
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply, options.refusals),
  });
  answerWhatNodeWouldNot(app, options);
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply, options.refusals));
  app.setNotFoundHandler((request, reply) => refuse(notFound(request, options), request, reply, options.refusals));
  addBodyParser(app, options);
  app.decorateRequest('startedAt', 0);
  app.addHook('onRequest', (request, _reply, done) => {
    request.startedAt = performance.now();
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    // The API server keeps its connection to us for life unless an answer closes it.
    if (readiness.isDraining) reply.header('connection', 'close');
    done(null, payload);
  });
  addProbes(app, readiness);
  addMutateRoutes(app, options);
  return app;
}

/** Requests that Node would answer without a sentence, or not at all. */
function answerWhatNodeWouldNot(app: FastifyInstance, options: WebhookServerOptions): void {
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.server.on('connect', (_request, socket) => {
    refuseOnSocket(new Refusal('MethodNotAllowed', 'CONNECT is not spoken here'), socket, options);
  });
}

function addBodyParser(app: FastifyInstance, { limits, gate }: WebhookServerOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, _payload, done) => {
    readBody(request.raw, { limit: limits.bodyBytes, gate }, done);
  });
}

function addMutateRoutes(app: FastifyInstance, options: WebhookServerOptions): void {
  const { policy, gate, requireClientCertificate, clientAuthority } = options;
  const handler = new AdmissionHandler(options);
  const certificates = new ClientCertificates({ hasAuthority: clientAuthority !== undefined });
  const onRequest = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    if (requireClientCertificate && certificates.of(request.raw.socket) !== 'verified') {
      done(new Refusal('ClientCertificateRequired', 'a client certificate that --client-ca vouches for is required'));
      return;
    }
    gate.enter();
    reply.raw.once('close', () => gate.leave());
    done();
  };
  for (const target of admissionTargets(policy.profiles)) {
    app.post(admissionPath(target), { onRequest }, (request, reply) => {
      const answer = handler.answer({
        target,
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        clientCertificate: certificates.of(request.raw.socket),
        elapsedMilliseconds: () => performance.now() - request.startedAt,
      });
      return reply.type('application/json').send(answer);
    });
  }
}

function notFound(request: FastifyRequest, { policy }: WebhookServerOptions): Refusal {
  const path = pathOf(request.url);
  const paths = admissionTargets(policy.profiles).map(admissionPath);
  if (paths.includes(path)) return new Refusal('MethodNotAllowed', `${path} takes POST, not ${request.method}`);
  const names = policy.profiles.map(({ name }) => name);
  const profile = /^\/mutate\/(?:enforce|audit)\/([^/]+)/.exec(path)?.[1];
  if (profile !== undefined && !names.includes(profile)) {
    const near = nearest(profile, names);
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    return new Refusal('NotFound', `the policy has no profile "${profile}", only ${names.join(', ')}${hint}`);
  }
  return new Refusal('NotFound', `there is nothing at ${path}; the paths are ${paths.join(', ')}`);
}
