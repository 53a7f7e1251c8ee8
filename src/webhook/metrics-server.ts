import fastify, { type FastifyInstance } from 'fastify';
import type { Metrics } from './metrics.ts';
import { addProbes } from './probes.ts';
import { WITHOUT_SCHEMAS } from './without-schemas.ts';
import type { Readiness } from './readiness.ts';

/** Path of the metrics on the metrics port. */
export const METRICS_PATH = '/metrics';

/**
 * The plain HTTP server of metrics and probes. It has a port of its own, so that who may scrape need not reach the
 * webhook, and a missing certificate does not look like a dead process.
 */
export function createMetricsServer({
  metrics,
  readiness,
}: {
  metrics: Metrics;
  readiness: Readiness;
}): FastifyInstance {
  const app = fastify({
    schemaController: WITHOUT_SCHEMAS,
    return503OnClosing: false,
    forceCloseConnections: true,
    requestTimeout: 10_000,
  });
  addProbes(app, readiness);
  app.get(METRICS_PATH, async (_request, reply) => {
    const { contentType, text } = await metrics.scrape();
    return reply.type(contentType).send(text);
  });
  return app;
}
