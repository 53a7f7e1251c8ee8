import type { FastifyServerOptions } from 'fastify';

/**
 * Tells fastify that no route has a schema: it then leaves its schema compilers unloaded, which are a third of the code
 * that a start would run. A route that comes with a schema all the same fails when it is added.
 */
export const WITHOUT_SCHEMAS = {
  compilersFactory: {
    buildValidator: () => refuseSchema,
    buildSerializer: () => refuseSchema,
  },
} satisfies FastifyServerOptions['schemaController'];

function refuseSchema(): never {
  throw new TypeError('a route must have no schema: requests are checked by hand');
}
