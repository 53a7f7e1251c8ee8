/** fastify with its own JSON parser and logger: one line for each request, to stdout. */
import fastify, { LogController } from 'fastify';
import { announce, BODY_LIMIT, constantAnswer, reviewNames, servingPair } from './constant-answer.ts';

const app = fastify({
  https: servingPair(),
  bodyLimit: BODY_LIMIT,
  logger: true,
  // Its own two lines for each request: the baseline writes one.
  logController: new LogController({ disableRequestLogging: true }),
});
app.post('/*', request => {
  const names = reviewNames(request.body);
  request.log.info({ ...names, outcome: 'patched' }, 'admission decision');
  return constantAnswer(names.uid);
});
app.listen({ host: '127.0.0.1', port: 0 }, () => announce(app.server.address()));
