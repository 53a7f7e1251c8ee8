import { createPrivateKey, webcrypto } from 'node:crypto';
import t from 'tap';
import { createAuthority, issueClientCertificate, issueServingCertificate } from '../../src/certificates/authority.ts';
import { checkServingPair, isWithinValidity, type ServingPair } from '../../src/certificates/serving-pair.ts';

await import('reflect-metadata');
const { SubjectAlternativeNameExtension, X509CertificateGenerator } = await import('@peculiar/x509');

const NOW = new Date('2026-03-01T12:00:00Z');
const DAYS = 10;
const authority = await createAuthority({ now: NOW, days: DAYS, commonName: 'test authority' });
const names = { dnsNames: ['gvisor-injector.test.svc'], ipAddresses: ['127.0.0.1', '::1'] };
const serving = await issueServingCertificate(authority, { now: NOW, days: DAYS, ...names });
const other = await issueServingCertificate(authority, { now: NOW, days: DAYS, ...names });

function usablePair(certificate: string, key: string): ServingPair {
  const check = checkServingPair({ certificate, key, now: NOW });
  if (check.kind === 'fault') throw new Error(`A usable pair was expected: ${check.fault}`);
  return check.pair;
}

function faultOf(certificate: string, key: string, now = NOW): string {
  const check = checkServingPair({ certificate, key, now });
  return check.kind === 'fault' ? check.fault : 'no fault';
}

const windows = (text: string) => text.replaceAll('\n', '\r\n');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const half = (text: string) => text.slice(0, text.length / 2);

/** A self-signed RSA certificate, which `authority.ts` does not make. */
async function makeRsaPair(
  bits: number,
  extensions = [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'a' }])],
) {
  const signingAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(
    { ...signingAlgorithm, modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ['sign', 'verify'],
  );
  const notAfter = new Date(NOW.getTime() + 1000);
  const options = { name: 'CN=rsa', keys, signingAlgorithm, extensions, notBefore: NOW, notAfter };
  const certificate = (await X509CertificateGenerator.createSelfSigned(options)).toString('pem');
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { certificate, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
}

t.test('checkServingPair() says of a usable pair what a server and a metric need', async t => {
  const pair = usablePair(serving.certificate, serving.key);
  t.equal(pair.certificate, serving.certificate);
  t.equal(pair.key, serving.key);
  t.strictSame(pair.notBefore, new Date('2026-03-01T11:55:00Z'));
  t.strictSame(pair.notAfter, new Date('2026-03-11T12:00:00Z'));
  t.strictSame(pair.subjectAltNames, [
    'DNS:gvisor-injector.test.svc',
    'IP Address:127.0.0.1',
    'IP Address:0:0:0:0:0:0:0:1',
  ]);
  t.match(pair.fingerprint, /^[0-9a-f]{64}$/);
});

t.test('checkServingPair() keeps a name with a comma in one piece', async t => {
  const { certificate, key } = await makeRsaPair(2048, [
    new SubjectAlternativeNameExtension([
      { type: 'dns', value: 'a, DNS:evil' },
      { type: 'dns', value: 'b' },
    ]),
  ]);
  const { subjectAltNames } = usablePair(certificate, key.export({ format: 'pem', type: 'pkcs8' }).toString());
  t.strictSame(subjectAltNames, ['DNS:"a\\u002c DNS:evil"', 'DNS:b']);
});

t.test('checkServingPair() takes every kind of PEM that tools write', async t => {
  const ec = createPrivateKey(serving.key);
  const sec1 = ec.export({ format: 'pem', type: 'sec1' }).toString();
  const rsa = await makeRsaPair(2048);
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  const dressed = `Bag Attributes - from a tool\nsubject=CN = x\n${serving.certificate.trimEnd()}\n\n# the end`;
  for (const [name, certificate, key] of [
    ['PKCS#8', serving.certificate, serving.key],
    ['SEC1', serving.certificate, sec1],
    ['SEC1 after its parameters, as openssl ecparam writes it', serving.certificate, parameters + sec1],
    ['RSA, PKCS#8', rsa.certificate, rsa.key.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['RSA, PKCS#1', rsa.certificate, rsa.key.export({ format: 'pem', type: 'pkcs1' }).toString()],
    ['CRLF', windows(serving.certificate), windows(serving.key)],
    ['text around the PEM', dressed, `comment\n${serving.key}`],
    ['byte order mark', `\ufeff${serving.certificate}`, `\ufeff${serving.key}`],
    ['chain of two', serving.certificate + authority.certificate, serving.key],
    ['one file with both', serving.key + serving.certificate, serving.certificate + serving.key],
  ] as const) {
    t.equal(faultOf(certificate, key), 'no fault', name);
  }
  t.equal(usablePair(dressed, serving.key).certificate, serving.certificate, 'nothing but PEM is kept');
  t.equal(usablePair(windows(serving.certificate), windows(serving.key)).key, serving.key, 'line ends are one kind');
  const chain = serving.certificate + authority.certificate;
  t.equal(usablePair(chain, serving.key).certificate, chain, 'the whole chain is presented');
});

t.test('checkServingPair() names what is wrong', async t => {
  const passphrase = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  const legacy = { format: 'pem', type: 'sec1', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  const key = createPrivateKey(serving.key);
  const client = await issueClientCertificate(authority, { now: NOW, days: DAYS, commonName: 'client' });
  const weak = await makeRsaPair(512);
  const nameless = await makeRsaPair(2048, []);
  const pkcs8 = (rsa: typeof weak) => rsa.key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const damaged = serving.certificate.replace(/[A-Za-z0-9]{20}/, 'AAAAAAAAAAAAAAAAAAAA');
  for (const [certificate, keyText, expected] of [
    ['', serving.key, 'the certificate file holds no PEM certificate, it is empty'],
    ['\n', serving.key, 'the certificate file holds no PEM certificate, it is empty'],
    ['not PEM', serving.key, 'the certificate file holds no PEM certificate'],
    [half(serving.certificate), serving.key, 'the certificate file holds no PEM certificate, it ends within one'],
    [
      base64(serving.certificate),
      serving.key,
      'the certificate file holds no PEM certificate but base64 of one, which must be decoded once more',
    ],
    [
      serving.key,
      serving.certificate,
      'the certificate file holds no PEM certificate but a private key: are the two files swapped?',
    ],
    [damaged, serving.key, 'certificate 1 of 1 in the certificate file is damaged'],
    [serving.certificate + damaged, serving.key, 'certificate 2 of 2 in the certificate file is damaged'],
    [serving.certificate + half(authority.certificate), serving.key, 'the certificate file ends within certificate 2'],
    [serving.certificate, '', 'the key file holds no PEM private key, it is empty'],
    [serving.certificate, half(serving.key), 'the key file holds no PEM private key, it ends within one'],
    [
      serving.certificate,
      serving.certificate,
      'the key file holds no PEM private key but a certificate: are the two files swapped?',
    ],
    [
      serving.certificate,
      base64(serving.key),
      'the key file holds no PEM private key but base64 of one, which must be decoded once more',
    ],
    [
      serving.certificate,
      serving.key.replace(/[A-Za-z0-9]{20}/, 'A'),
      'the private key is damaged or of an unknown kind',
    ],
    ...[passphrase, legacy].map(
      encoding =>
        [
          serving.certificate,
          key.export(encoding).toString(),
          'the private key is encrypted with a passphrase, which a server without a person cannot type',
        ] as const,
    ),
    [serving.certificate, other.key, 'the private key does not belong to the certificate'],
    [serving.certificate, pkcs8(nameless), 'the private key does not belong to the certificate'],
    [
      other.certificate + serving.certificate,
      serving.key,
      'the private key belongs to certificate 2 of the certificate file, which must be the first',
    ],
    [nameless.certificate, pkcs8(nameless), 'the certificate has no subject alternative names'],
    [client.certificate, client.key, 'the certificate is not for servers: its extended key usage lacks serverAuth'],
    [weak.certificate, pkcs8(weak), 'TLS refuses the pair: ee key too small'],
  ] as const) {
    t.equal(faultOf(certificate, keyText), expected);
  }
});

t.test('checkServingPair() counts the first and the last second of a certificate in', async t => {
  const at = (time: string) => faultOf(serving.certificate, serving.key, new Date(time));
  t.equal(at('2026-03-01T11:54:59.999Z'), 'the certificate is valid only from 2026-03-01T11:55:00.000Z');
  t.equal(at('2026-03-01T11:55:00Z'), 'no fault');
  t.equal(at('2026-03-11T12:00:00Z'), 'no fault');
  t.equal(at('2026-03-11T12:00:00.001Z'), 'the certificate expired at 2026-03-11T12:00:00.000Z');
  const pair = usablePair(serving.certificate, serving.key);
  t.notOk(isWithinValidity(pair, new Date('2026-03-01T11:54:59.999Z')));
  t.ok(isWithinValidity(pair, new Date('2026-03-01T11:55:00Z')));
  t.ok(isWithinValidity(pair, new Date('2026-03-11T12:00:00Z')));
  t.notOk(isWithinValidity(pair, new Date('2026-03-11T12:00:00.001Z')));
});

t.test('no fault quotes the key', async t => {
  const body = serving.key.split('\n').slice(1, -2);
  const broken = [serving.key.replace('PRIVATE', 'SECRET'), serving.key.replace(/[A-Za-z0-9]{4}\n/, '\n'), other.key];
  for (const key of broken) {
    const fault = faultOf(serving.certificate, key);
    t.not(fault, 'no fault');
    for (const line of body) t.notOk(fault.includes(line.slice(0, 8)));
  }
});
