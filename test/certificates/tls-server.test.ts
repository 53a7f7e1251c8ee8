import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import t from 'tap';
import { createAuthority, issueServingCertificate } from '../../src/certificates/authority.ts';
import { systemClock } from '../../src/certificates/clock.ts';
import { ServingCertificate, type ServingCertificateResult } from '../../src/certificates/serving-certificate.ts';
import { ManualClock } from './manual-clock.ts';
import { Results } from './results.ts';
import { swapSecret } from './secret-volume.ts';

const DEBOUNCE = 100;

/** One request; resolves to the serial number that the server presented on the connection used. */
async function ask(server: Server, agent: Agent, ca: string): Promise<{ serialNumber: string; socket: TLSSocket }> {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port');
  const { promise, resolve, reject } = Promise.withResolvers<{ serialNumber: string; socket: TLSSocket }>();
  const outgoing = request({ port: address.port, host: '127.0.0.1', agent, ca }, response => {
    const socket = response.socket;
    if (!(socket instanceof TLSSocket)) throw new Error('The connection is not TLS');
    const { serialNumber } = socket.getPeerCertificate();
    response.resume().on('end', () => resolve({ serialNumber, socket }));
  });
  outgoing.on('error', reject).end();
  return await promise;
}

t.test('a TLS server presents the new pair to new connections while an open one goes on', async t => {
  const now = new Date();
  const authority = await createAuthority({ now, days: 1, commonName: 'test authority' });
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  const first = await issueServingCertificate(authority, { now, days: 1, ...names });
  const second = await issueServingCertificate(authority, { now, days: 1, ...names });
  const folder = t.testdir();
  swapSecret(folder, '1', first);
  const results = new Results();
  const clock = new ManualClock(now);
  const server = createServer((_incoming, answer) => answer.end('ok'));
  const onReload = (result: ServingCertificateResult) => {
    if (result.kind === 'loaded') server.setSecureContext({ cert: result.pair.certificate, key: result.pair.key });
    results.onReload(result);
  };
  const files = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  await using certificate = await ServingCertificate.open({ ...files, clock, onReload });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const fresh = new Agent({ keepAlive: false, maxCachedSessions: 0 });
  t.teardown(() => {
    kept.destroy();
    server.close();
  });
  const before = await ask(server, kept, authority.certificate);
  t.equal((await ask(server, fresh, authority.certificate)).serialNumber, before.serialNumber);
  swapSecret(folder, '2', second);
  await clock.run(DEBOUNCE);
  await results.next();
  t.equal(await results.nextLoaded(), second.certificate);
  const reused = await ask(server, kept, authority.certificate);
  t.equal(reused.socket, before.socket, 'the open connection is used again');
  t.equal(reused.serialNumber, before.serialNumber);
  const after = await ask(server, fresh, authority.certificate);
  t.not(after.serialNumber, before.serialNumber);
  writeFileSync(join(folder, 'tls.crt.new'), 'broken');
  renameSync(join(folder, 'tls.crt.new'), join(folder, 'tls.crt'));
  await clock.run(DEBOUNCE);
  t.equal(await results.nextFault(), 'the certificate file holds no PEM certificate');
  t.equal(
    (await ask(server, fresh, authority.certificate)).serialNumber,
    after.serialNumber,
    'a broken pair changes nothing',
  );
  t.equal(certificate.current()?.certificate, second.certificate);
});

t.test("the machine's clock drives the same class, without holding the process", async t => {
  const folder = t.testdir();
  const soon = await createAuthority({ now: new Date(), days: 1, commonName: 'test authority' });
  const options = { now: new Date(), days: 1, dnsNames: ['localhost'] };
  const [before, after] = [await issueServingCertificate(soon, options), await issueServingCertificate(soon, options)];
  swapSecret(folder, '1', before);
  const results = new Results();
  const files = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  await using _ = await ServingCertificate.open({ ...files, clock: systemClock, onReload: results.onReload });
  t.equal(await results.nextLoaded(), before.certificate);
  swapSecret(folder, '2', after);
  t.equal(await results.nextLoaded(), after.certificate);
});
