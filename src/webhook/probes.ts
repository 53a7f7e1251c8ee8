import type { FastifyInstance } from 'fastify';
import type { Readiness } from './readiness.ts';

/** Paths of the probes, on both ports. They are never logged. */
export const PROBE_PATHS = { live: '/livez', ready: '/readyz' } as const;

/** Adds the probes: 200 with `ok`, or 503 with the reason. */
export function addProbes(app: FastifyInstance, readiness: Readiness): void {
  app.get(PROBE_PATHS.live, () => 'ok\n');
  app.get(PROBE_PATHS.ready, (_request, reply) => {
    const reason = readiness.notReadyReason();
    return reason === undefined ? 'ok\n' : reply.code(503).send(`not ready: ${reason}\n`);
  });
}
