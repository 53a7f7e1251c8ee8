import { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../certificates/clock.ts';
import { ServingCertificate, type ServingCertificateResult } from '../certificates/serving-certificate.ts';
import { systemErrorCode, UserError } from '../errors/user-error.ts';
import type { Policy } from '../policy/policy.ts';
import type { Log } from '../record/log.ts';
import { Gate } from './gate.ts';
import type { Limits } from './limits.ts';
import { Connections } from './connections.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createMetricsServer } from './metrics-server.ts';
import { Readiness } from './readiness.ts';
import { RefusalObserver } from './refusal-observer.ts';
import { createWebhookServer, secureContextOptions } from './server.ts';

/** Requests that are under way when the drain ends get this long to finish. */
const FINISH_MILLISECONDS = 5_000;

/** Where a server listens; port 0 takes a free one, no host means every address. */
export interface Endpoint {
  readonly host: string | undefined;
  readonly port: number;
}

/** What the webhook is started with. */
export interface WebhookOptions {
  readonly policy: Policy;
  readonly policyDigest: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** PEM bundle that client certificates are verified against. */
  readonly clientAuthority: string | undefined;
  readonly requireClientCertificate: boolean;
  readonly webhook: Endpoint;
  readonly metrics: Endpoint;
  readonly limits: Limits;
  readonly log: Log;
  readonly clock: Clock;
}

/** A webhook that listens. */
export interface Webhook {
  /** `host:port` of the HTTPS port. */
  readonly address: string;
  /** `host:port` of the metrics port. */
  readonly metricsAddress: string;
  /**
   * Stops without a failed request: not ready, answers close their connections, serving goes on until the time is up,
   * then the listeners close and what is under way finishes.
   */
  readonly stop: (drainMilliseconds: number) => Promise<void>;
}

/**
 * Starts the webhook. Without a usable certificate it starts too, and is not ready until there is one.
 *
 * @throws {UserError} ListenFailed when a port cannot be had
 */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const { log, clock, policyDigest } = options;
  const gate = new Gate(options.limits);
  const metrics = createMetrics({ policyDigest, inFlight: () => gate.requests });
  let server: FastifyInstance | undefined;
  const certificate = await ServingCertificate.open({
    ...options,
    onReload: result => {
      tellReload(result, { log, metrics, file: options.certificateFile });
      if (result.kind === 'loaded' && server !== undefined)
        swapCertificate(server, result.pair, options.clientAuthority);
    },
  });
  const readiness = new Readiness({ certificate, now: () => clock.now() });
  const refusals = new RefusalObserver({ log, metrics, now: () => clock.now() });
  server = createWebhookServer({ ...options, metrics, readiness, gate, refusals, pair: certificate.current() });
  const connections = new Connections(server.server, options.limits);
  const metricsServer = createMetricsServer({ metrics, readiness });
  const closeAll = async (): Promise<void> => {
    await Promise.all([server.close(), metricsServer.close(), certificate.close()]);
  };
  try {
    await listen(server, options.webhook, '--port');
    await listen(metricsServer, options.metrics, '--metrics-port');
  } catch (error) {
    await closeAll();
    throw error;
  }
  const addresses = { address: addressOf(server), metricsAddress: addressOf(metricsServer) };
  const profiles = options.policy.profiles.map(({ name }) => name);
  log.info('listening', { ...addresses, policyDigest, profiles });
  return {
    ...addresses,
    stop: async drainMilliseconds => {
      readiness.drain();
      log.info('draining', { drainSeconds: drainMilliseconds / 1000 });
      await wait(clock, drainMilliseconds);
      const cancel = clock.schedule(FINISH_MILLISECONDS, () => connections.destroyAll());
      await closeAll();
      cancel();
      log.info('stopped', {});
    },
  };
}

function tellReload(
  result: ServingCertificateResult,
  { log, metrics, file }: { log: Log; metrics: Metrics; file: string },
): void {
  switch (result.kind) {
    case 'loaded': {
      const { notAfter, fingerprint } = result.pair;
      metrics.certificateLoaded(notAfter);
      log.info('certificateLoaded', { file, expires: notAfter.toISOString(), fingerprint });
      return;
    }
    case 'failed':
      metrics.certificateFailed();
      log.error('certificateUnusable', { file, detail: result.fault });
      return;
    default:
      result satisfies never;
  }
}

/** New handshakes get the new certificate; connections that are open keep theirs. */
function swapCertificate(
  app: FastifyInstance,
  pair: { certificate: string; key: string },
  clientAuthority: string | undefined,
): void {
  if (app.server instanceof HttpsServer) app.server.setSecureContext(secureContextOptions(pair, clientAuthority));
}

async function listen(app: FastifyInstance, { host, port }: Endpoint, flag: string): Promise<void> {
  try {
    await app.listen({ host: host ?? '::', port });
  } catch (error) {
    if (host === undefined && systemErrorCode(error) === 'EAFNOSUPPORT') {
      await listen(app, { host: '0.0.0.0', port }, flag);
      return;
    }
    const code = systemErrorCode(error);
    throw new UserError('ListenFailed', `Cannot listen on ${host ?? 'every address'}, port ${port}: ${code}`, {
      hint:
        code === 'EADDRINUSE' || code === 'EACCES'
          ? `Choose another port with ${flag}, or stop what uses it`
          : 'Name an address of this machine with --host',
      cause: error,
    });
  }
}

function addressOf(app: FastifyInstance): string {
  const address: AddressInfo | string | null = app.server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server must listen on TCP');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

async function wait(clock: Clock, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  clock.schedule(milliseconds, () => resolve(undefined));
  await promise;
}
