import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import { exitCode } from '../support/answers.ts';
import { serveFlags, startServe } from '../support/serve.ts';
import { send, trustingAgent } from '../support/webhook.ts';

t.test('serve loads no Kubernetes client and calls no API server, even where a Pod could', async t => {
  const flags = [...serveFlags(t), '--drain-seconds', '0'];
  const modulesFile = join(t.testdirName, 'modules');
  let calls = 0;
  const apiServer = createServer(socket => {
    calls++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(apiServer, 'listening');
  const address = apiServer.address();
  const apiPort = typeof address === 'object' && address !== null ? address.port : 0;
  const { child, port } = startServe(flags, {
    nodeFlags: ['--import', './test/support/record-modules.mjs'],
    environment: {
      RECORD_MODULES: modulesFile,
      KUBECONFIG: modulesFile,
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(apiPort),
    },
  });
  const agent = trustingAgent({ keepAlive: false });
  const answer = await send(
    {
      port: await port,
      path: '/mutate/enforce/gvisor',
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json' },
    },
    JSON.stringify(exampleReview(podOf())),
  );
  t.equal(answer.status, 200);
  child.kill('SIGTERM');
  t.strictSame(await exitCode(child), 0);
  apiServer.close();
  const modules = readFileSync(modulesFile, 'utf8');
  t.match(modules, /node_modules\/fastify\//, 'the list of modules is a real one');
  t.notMatch(modules, /@kubernetes|client-node|src\/kube|@peculiar|jsonpatch/);
  t.equal(calls, 0, 'no connection to the API server');
});
