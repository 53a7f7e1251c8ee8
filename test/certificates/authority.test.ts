import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { checkServerIdentity, connect, createServer, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import t from 'tap';
import {
  createAuthority,
  type IssuedCertificate,
  issueClientCertificate,
  issueServingCertificate,
} from '../../src/certificates/authority.ts';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';

const run = promisify(execFile);
const NOW = new Date('2026-03-01T12:00:00.789Z');
const SERVICE = `gvisor-injector.${'n'.repeat(63)}.svc`;
const NAMES = { dnsNames: [SERVICE, 'localhost'], ipAddresses: ['127.0.0.1', '::1', '2001:db8::7'] };
const HAS_OPENSSL = hasOpenssl();

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
}

const read = ({ certificate }: IssuedCertificate) => new X509Certificate(certificate);

t.test('createAuthority() makes a certificate that may sign end entities and nothing else', async t => {
  const authority = await createAuthority({ now: NOW, days: 365, commonName: 'the authority' });
  const certificate = read(authority);
  t.ok(certificate.ca);
  t.equal(certificate.subject, 'CN=the authority');
  t.ok(certificate.verify(certificate.publicKey));
  t.strictSame(
    certificate.validFromDate,
    new Date('2026-03-01T11:55:00Z'),
    'begins before now, for clocks that are behind',
  );
  t.strictSame(certificate.validToDate, new Date('2027-03-01T12:00:00Z'));
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.match(authority.key, /^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n$/);
  t.match(authority.certificate, /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$/);
});

t.test('issueServingCertificate() names the Service, however long its name, and its addresses', async t => {
  const authority = await createAuthority({ now: NOW, days: 365, commonName: 'the authority' });
  const issued = await issueServingCertificate(authority, { now: NOW, days: 30, ...NAMES });
  const certificate = read(issued);
  t.ok(certificate.checkIssued(read(authority)));
  t.ok(certificate.verify(read(authority).publicKey));
  t.notOk(certificate.ca);
  t.strictSame(certificate.validToDate, new Date('2026-03-31T12:00:00Z'));
  for (const name of NAMES.dnsNames) t.equal(certificate.checkHost(name), name);
  for (const address of NAMES.ipAddresses) t.equal(certificate.checkIP(address), address);
  t.equal(certificate.checkHost('other.svc'), undefined);
  t.strictSame(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'for servers only');
});

t.test('serial numbers are 16 random octets', async t => {
  const authority = await createAuthority({ now: NOW, days: 1, commonName: 'the authority' });
  const issued = await Promise.all(
    Array.from({ length: 20 }, async () => await issueServingCertificate(authority, { now: NOW, days: 1, ...NAMES })),
  );
  const serials = [authority, ...issued].map(pair => read(pair).serialNumber);
  t.equal(new Set(serials).size, serials.length);
  for (const serial of serials) t.match(serial, /^[4-7][0-9A-F]{31}$/);
});

t.test('no certificate outlives its authority, or begins before it', async t => {
  const authority = await createAuthority({ now: NOW, days: 10, commonName: 'the authority' });
  const serving = await issueServingCertificate(authority, { now: NOW, days: 365, ...NAMES });
  const client = await issueClientCertificate(authority, { now: NOW, days: 365, commonName: 'client' });
  for (const pair of [serving, client]) {
    t.strictSame(read(pair).validToDate, read(authority).validToDate);
    t.strictSame(read(pair).validFromDate, read(authority).validFromDate);
  }
  const late = { now: new Date('2026-03-11T12:00:01Z'), days: 1, ...NAMES };
  await t.rejects(issueServingCertificate(authority, late), {
    code: 'CertificateUnusable',
    message:
      'Cannot issue a certificate, as the authority is valid from 2026-03-01T11:55:00.000Z to 2026-03-11T12:00:00.000Z only',
  });
  await t.rejects(issueServingCertificate(authority, { ...late, now: new Date('2026-03-01T11:00:00Z') }));
});

t.test('a programmer who asks for nonsense is told', async t => {
  const authority = await createAuthority({ now: NOW, days: 10, commonName: 'the authority' });
  const options = { now: NOW, days: 1 };
  await t.rejects(issueServingCertificate(authority, { ...options, dnsNames: [] }), TypeError);
  await t.rejects(
    issueServingCertificate(authority, { ...options, dnsNames: [], ipAddresses: ['localhost'] }),
    TypeError,
  );
  await t.rejects(issueClientCertificate(authority, { ...options, commonName: '' }), TypeError);
  await t.rejects(issueClientCertificate(authority, { ...options, commonName: 'n'.repeat(65) }), TypeError);
  for (const days of [0, -1, Number.NaN]) {
    await t.rejects(createAuthority({ now: NOW, days, commonName: 'the authority' }), RangeError);
  }
});

t.test(
  'openssl accepts the chains by its strict rules',
  { skip: HAS_OPENSSL ? false : 'no openssl on the PATH' },
  async t => {
    // Valid beyond 2049, where X.509 changes the form of a date.
    for (const days of [30, 365 * 40]) {
      const { ca, serving, client } = await makeDevelopmentCertificates({ now: new Date(), days, ...NAMES });
      const folder = t.testdir({ 'ca.crt': ca, 'tls.crt': serving.certificate, 'client.crt': client.certificate });
      const verify = async (...args: string[]) =>
        await run('openssl', ['verify', '-x509_strict', '-check_ss_sig', '-CAfile', join(folder, 'ca.crt'), ...args]);
      const crt = join(folder, 'tls.crt');
      for (const name of NAMES.dnsNames) {
        t.match((await verify('-purpose', 'sslserver', '-verify_hostname', name, crt)).stdout, /OK/);
      }
      for (const address of NAMES.ipAddresses) {
        t.match((await verify('-purpose', 'sslserver', '-verify_ip', address, crt)).stdout, /OK/);
      }
      t.match((await verify('-purpose', 'sslclient', join(folder, 'client.crt'))).stdout, /OK/);
      await t.rejects(verify('-purpose', 'sslclient', crt), 'the serving certificate is not for clients');
      await t.rejects(verify('-purpose', 'sslserver', join(folder, 'client.crt')), 'nor the other way');
      await t.rejects(verify('-purpose', 'sslserver', '-verify_hostname', 'other.svc', crt));
      const text = (file: string) =>
        execFileSync('openssl', ['x509', '-noout', '-text', '-in', join(folder, file)]).toString();
      t.match(text('ca.crt'), /Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/);
      t.match(text('ca.crt'), /Key Usage: critical\n\s+Certificate Sign, CRL Sign/);
      t.match(text('tls.crt'), /Key Usage: critical\n\s+Digital Signature\n/);
      t.match(text('tls.crt'), /Subject Key Identifier/);
      t.match(text('tls.crt'), /Authority Key Identifier/);
    }
  },
);

t.test('makeDevelopmentCertificates() makes what both ends of a TLS connection need', async t => {
  const { ca, serving, client } = await makeDevelopmentCertificates({ now: new Date(), days: 1, ...NAMES });
  const server = createServer({
    cert: serving.certificate,
    key: serving.key,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port');
  const accepted = Promise.withResolvers<TLSSocket>();
  server.once('secureConnection', accepted.resolve);
  const socket = connect({
    port: address.port,
    host: '127.0.0.1',
    servername: SERVICE,
    ca,
    cert: client.certificate,
    key: client.key,
    checkServerIdentity,
  });
  await once(socket, 'secureConnect');
  t.ok(socket.authorized);
  const peer = await accepted.promise;
  t.ok(peer.authorized);
  t.equal(peer.getPeerCertificate().subject.CN, 'gvisor-injector development client');
  socket.end();
  await once(socket, 'close');
});
