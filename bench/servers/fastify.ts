/** fastify with its own JSON parser and no log. */
import fastify from 'fastify';
import { announce, BODY_LIMIT, constantAnswer, reviewNames, servingPair } from './constant-answer.ts';

const app = fastify({ https: servingPair(), bodyLimit: BODY_LIMIT });
app.post('/*', request => constantAnswer(reviewNames(request.body).uid));
app.listen({ host: '127.0.0.1', port: 0 }, () => announce(app.server.address()));
