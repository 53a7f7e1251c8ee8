import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import t from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';

import { startTestService } from '../support/service.ts';
import { certificates, parseObject, send, startTestWebhook, trustingAgent } from '../support/webhook.ts';

const ENFORCE = '/mutate/enforce/gvisor';
const GOOD = JSON.stringify(exampleReview(podOf()));

t.test('constant load through a TLS keep-alive client over a stop has no failed request (T3)', async t => {
  // fastify answers 503 while it closes, and kube-proxy needs a moment to hear of it (openchoreo#3743).
  await using leaving = await startTestWebhook();
  await using staying = await startTestWebhook();
  await using service = await startTestService([leaving, staying]);
  const agent = trustingAgent({ keepAlive: true, maxSockets: 8 });
  const failed: string[] = [];
  const load = { isOver: false, served: 0 };
  const client = async (): Promise<void> => {
    while (!load.isOver) {
      try {
        const answer = await send(
          { port: service.port, path: ENFORCE, method: 'POST', agent, headers: { 'content-type': 'application/json' } },
          GOOD,
        );
        if (answer.status === 200 && parseObject(answer.text)['kind'] === 'AdmissionReview') load.served++;
        else failed.push(answer.text);
      } catch (error) {
        failed.push(String(error));
      }
    }
  };
  const clients = Array.from({ length: 8 }, client);
  await delay(300);
  const before = leaving.rawLines.length;
  const stopped = leaving.webhook.stop(700);
  await delay(100);
  await service.refresh();
  await stopped;
  const servedByLeaving = leaving.rawLines.length - before;
  await delay(200);
  load.isOver = true;
  await Promise.all(clients);
  agent.destroy();
  t.strictSame(failed, [], `0 failed of ${load.served}`);
  t.ok(load.served > 200, `${load.served} requests`);
  t.ok(servedByLeaving > 2, 'the leaving one went on serving');
});

t.test('while it drains the webhook is not ready, serves, and closes each connection', async t => {
  await using webhook = await startTestWebhook();
  const stopped = webhook.webhook.stop(300);
  const ready = await fetch(`http://127.0.0.1:${webhook.metricsPort}/readyz`);
  t.strictSame([ready.status, await ready.text()], [503, 'not ready: draining before the stop\n']);
  t.equal((await fetch(`http://127.0.0.1:${webhook.metricsPort}/livez`)).status, 200, 'alive all the same');
  const answer = await webhook.post(ENFORCE, GOOD);
  t.match([answer.status, answer.headers.connection], [200, 'close']);
  const unknown = await webhook.post('/nowhere', GOOD);
  t.match([unknown.status, unknown.headers.connection], [404, 'close']);
  await stopped;
  await t.rejects(webhook.post(ENFORCE, GOOD), { code: 'ECONNREFUSED' });
  t.strictSame(
    webhook
      .lines()
      .slice(-1)
      .map(line => line['message']),
    ['stopped'],
  );
});

t.test('a request that is under way when the drain ends is answered', async t => {
  await using webhook = await startTestWebhook();
  const socket = connect({
    port: webhook.port,
    host: '127.0.0.1',
    ca: certificates.ca,
    servername: 'gvisor-injector.gvisor-injector.svc',
  });
  await once(socket, 'secureConnect');
  const head = `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${GOOD.length}\r\n\r\n`;
  socket.write(head + GOOD.slice(0, 50));
  const inFlight = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${webhook.metricsPort}/metrics`)).text();
  while (!(await inFlight()).includes('requests_in_flight 1')) await delay(5);
  const stopped = webhook.webhook.stop(0);
  await delay(50);
  socket.write(GOOD.slice(50));
  const chunks = await socket.setEncoding('utf8').toArray();
  t.match(chunks.join(''), /^HTTP\/1\.1 200 OK[\s\S]*"allowed":true/);
  await stopped;
});

t.test('a webhook without a certificate is alive, not ready, and serves as soon as there is one', async t => {
  await using webhook = await startTestWebhook({ withoutCertificate: true });
  const probe = async (path: string) => (await fetch(`http://127.0.0.1:${webhook.metricsPort}${path}`)).status;
  t.strictSame([await probe('/livez'), await probe('/readyz')], [200, 503]);
  await t.rejects(webhook.post(ENFORCE, GOOD), 'no handshake without a certificate');
  await writeFile(join(webhook.folder, 'tls.key'), certificates.serving.key);
  await writeFile(join(webhook.folder, 'tls.crt'), certificates.serving.certificate);
  while ((await probe('/readyz')) !== 200) await delay(20);
  t.equal((await webhook.post(ENFORCE, GOOD)).status, 200);
  const failures = () => webhook.lines().filter(line => line['message'] === 'serving certificate not usable').length;
  const before = failures();
  await writeFile(join(webhook.folder, 'tls.crt'), 'broken');
  while (failures() === before) await delay(20);
  t.equal(await probe('/readyz'), 200, 'a broken pair keeps the old one');
  t.equal(
    (await webhook.post(ENFORCE, GOOD, { agent: trustingAgent({ keepAlive: false }) })).status,
    200,
    'also for new handshakes',
  );
  const scrape = await (await fetch(`http://127.0.0.1:${webhook.metricsPort}/metrics`)).text();
  t.match(scrape, /certificate_reloads_total\{result="failed"\} [1-9]/, 'and is counted');
});
