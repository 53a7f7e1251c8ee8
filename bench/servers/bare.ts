/** The floor: TLS, HTTP, JSON.parse and JSON.stringify of Node, nothing else. */
import { createServer } from 'node:https';
import { announce, constantAnswer, reviewNames, servingPair } from './constant-answer.ts';

const server = createServer(servingPair(), (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { uid } = reviewNames(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    const body = JSON.stringify(constantAnswer(uid));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => announce(server.address()));
