import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import t from 'tap';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import {
  certificates,
  parseObject,
  send,
  startTestWebhook,
  type TestWebhook,
  trustingAgent,
} from '../support/webhook.ts';

const ENFORCE = '/mutate/enforce/gvisor';
const GOOD = JSON.stringify(exampleReview(podOf()));
const stranger = await makeDevelopmentCertificates({ now: new Date(), dnsNames: ['x'], ipAddresses: [], days: 1 });

const CLIENTS = {
  none: {},
  unverified: { cert: stranger.client.certificate, key: stranger.client.key },
  verified: { cert: certificates.client.certificate, key: certificates.client.key },
};

async function postAs(webhook: TestWebhook, client: keyof typeof CLIENTS, path = ENFORCE) {
  const agent = trustingAgent({ keepAlive: false, ...CLIENTS[client] });
  return await send(
    {
      port: webhook.port,
      path,
      method: path === ENFORCE ? 'POST' : 'GET',
      agent,
      headers: { 'content-type': 'application/json' },
    },
    GOOD,
  );
}

t.test('a client certificate is verified against --client-ca and recorded', async t => {
  await using webhook = await startTestWebhook({ clientAuthority: certificates.ca });
  for (const client of ['none', 'unverified', 'verified'] as const) {
    t.equal((await postAs(webhook, client)).status, 200, `${client} is served`);
    t.equal(webhook.lines().at(-1)?.['clientCertificate'], client);
  }
});

t.test('without --client-ca no certificate counts as verified', async t => {
  await using webhook = await startTestWebhook();
  await postAs(webhook, 'verified');
  t.equal(webhook.lines().at(-1)?.['clientCertificate'], 'unverified');
});

t.test('a serving certificate is no client certificate', async t => {
  await using webhook = await startTestWebhook({ clientAuthority: certificates.ca });
  const { certificate: cert, key } = certificates.serving;
  const agent = trustingAgent({ keepAlive: false, cert, key });
  await webhook.post(ENFORCE, GOOD, { agent });
  t.equal(webhook.lines().at(-1)?.['clientCertificate'], 'unverified', 'its extended key usage is another');
});

t.test('it can be required on /mutate, and never is on probes', async t => {
  await using webhook = await startTestWebhook({ clientAuthority: certificates.ca, requireClientCertificate: true });
  t.equal((await postAs(webhook, 'verified')).status, 200);
  for (const client of ['none', 'unverified'] as const) {
    const answer = await postAs(webhook, client);
    t.match([answer.status, parseObject(answer.text)['message']], [401, /^ClientCertificateRequired: /], client);
    t.equal((await postAs(webhook, client, '/readyz')).status, 200, `${client} may probe`);
  }
});

t.test('a resumed TLS 1.3 session without a certificate is not taken for a verified one', async t => {
  // Node reports such a session as authorized (node: src/crypto/crypto_common.cc).
  await using webhook = await startTestWebhook({ clientAuthority: certificates.ca, requireClientCertificate: true });
  const options = {
    port: webhook.port,
    host: '127.0.0.1',
    ca: certificates.ca,
    servername: 'gvisor-injector.gvisor-injector.svc',
  };
  const first = connect(options);
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  first.once('session', resolve);
  const session = await promise;
  first.destroy();
  const resumed = connect({ ...options, session });
  await once(resumed, 'secureConnect');
  t.ok(resumed.isSessionReused(), 'the session was resumed');
  t.match(await exchange(resumed), /^HTTP\/1\.1 401 /);
});

async function exchange(socket: TLSSocket): Promise<string> {
  socket.write(
    `POST ${ENFORCE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${GOOD.length}\r\n\r\n${GOOD}`,
  );
  const chunks = await socket.setEncoding('utf8').toArray();
  return chunks.join('');
}
