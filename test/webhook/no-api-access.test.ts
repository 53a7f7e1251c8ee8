import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import { exitCode } from '../support/answers.ts';
import { certificates, parseObject, send, trustingAgent } from '../support/webhook.ts';

t.test('serve loads no Kubernetes client and calls no API server, even where a Pod could', async t => {
  const folder = t.testdir({
    'tls.crt': certificates.serving.certificate,
    'tls.key': certificates.serving.key,
    modules: '',
    kubeconfig: 'canary',
  });
  let calls = 0;
  const apiServer = createServer(socket => {
    calls++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(apiServer, 'listening');
  const address = apiServer.address();
  const apiPort = typeof address === 'object' && address !== null ? address.port : 0;
  const args = [
    '--import',
    './test/support/record-modules.mjs',
    'src/cli/main.ts',
    'serve',
    '--cert',
    join(folder, 'tls.crt'),
    '--key',
    join(folder, 'tls.key'),
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--metrics-port',
    '0',
    '--drain-seconds',
    '0',
  ];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      RECORD_MODULES: join(folder, 'modules'),
      KUBECONFIG: join(folder, 'kubeconfig'),
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(apiPort),
    },
  });
  const { promise: port, resolve } = Promise.withResolvers<number>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const listening = text
      .split('\n')
      .filter(Boolean)
      .map(parseObject)
      .find(line => line['message'] === 'listening');
    if (listening !== undefined) resolve(Number(String(listening['address']).split(':').at(-1)));
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
  const modules = readFileSync(join(folder, 'modules'), 'utf8');
  t.match(modules, /node_modules\/fastify\//, 'the list of modules is a real one');
  t.notMatch(modules, /@kubernetes|client-node|src\/kube|@peculiar|jsonpatch/);
  t.equal(calls, 0, 'no connection to the API server');
});
