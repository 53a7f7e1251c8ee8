import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type * as X509 from '@peculiar/x509';
import { UserError } from '../errors/user-error.ts';

/** A certificate and its private key, both PEM (the key PKCS#8). */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority: its own certificate, and the key that signs. Whoever holds the key can be any server of ours. */
export type Authority = IssuedCertificate;

/** How long a certificate is valid. */
export interface ValidityOptions {
  readonly now: Date;
  /** From `now`; the certificate begins {@link CLOCK_SKEW_MILLISECONDS} earlier. */
  readonly days: number;
}

/** What a serving certificate says. */
export interface ServingOptions extends ValidityOptions {
  readonly dnsNames: readonly string[];
  /** Default: none. */
  readonly ipAddresses?: readonly string[];
}

/** What a client certificate says. */
export interface ClientOptions extends ValidityOptions {
  /** At most 64 characters; a Kubernetes API server would take it for the user. */
  readonly commonName: string;
}

/** Certificates begin this much before `now`: the clocks of the nodes that check them are not ours. */
export const CLOCK_SKEW_MILLISECONDS = 5 * 60 * 1000;

const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** RFC 5280 appendix A, ub-common-name. A Service's DNS name may be longer, so it stands in the alternative names alone. */
const MAXIMUM_COMMON_NAME = 64;
const SERVING_COMMON_NAME = 'gvisor-injector';

/**
 * Makes an authority that signs end-entity certificates only.
 *
 * @param options `commonName` at most 64 characters
 */
export async function createAuthority(options: ValidityOptions & { readonly commonName: string }): Promise<Authority> {
  const x509 = await loadX509();
  const keys = await createKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: createSerialNumber(),
    name: nameOf(options.commonName),
    keys,
    signingAlgorithm: ALGORITHM,
    ...validityOf(options),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: toPem(certificate), key: await exportKey(keys) };
}

/**
 * Issues a certificate for a TLS server. It ends with its authority at the latest.
 *
 * @throws {TypeError} without a name, or when an address is none
 * @throws {UserError} CertificateUnusable when the authority is not valid at `now`
 */
export async function issueServingCertificate(
  authority: Authority,
  { dnsNames, ipAddresses = [], ...validity }: ServingOptions,
): Promise<IssuedCertificate> {
  if (dnsNames.length + ipAddresses.length === 0) throw new TypeError('A serving certificate needs a name');
  for (const address of ipAddresses) {
    if (isIP(address) === 0)
      throw new TypeError(`A serving certificate needs IP addresses: current value is '${address}'`);
  }
  return await issue(authority, {
    ...validity,
    commonName: SERVING_COMMON_NAME,
    usage: 'serverAuth',
    names: [
      ...dnsNames.map(value => ({ type: 'dns', value }) as const),
      ...ipAddresses.map(value => ({ type: 'ip', value }) as const),
    ],
  });
}

/**
 * Issues a certificate for a TLS client. It ends with its authority at the latest.
 *
 * @throws {UserError} CertificateUnusable when the authority is not valid at `now`
 */
export async function issueClientCertificate(authority: Authority, options: ClientOptions): Promise<IssuedCertificate> {
  return await issue(authority, { ...options, usage: 'clientAuth', names: [] });
}

interface IssueOptions extends ValidityOptions {
  readonly commonName: string;
  readonly usage: 'serverAuth' | 'clientAuth';
  readonly names: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
}

async function issue(
  authority: Authority,
  { commonName, usage, names, ...validity }: IssueOptions,
): Promise<IssuedCertificate> {
  const issuer = new X509Certificate(authority.certificate);
  if (validity.now < issuer.validFromDate || validity.now > issuer.validToDate) {
    const { validFromDate: from, validToDate: to } = issuer;
    throw new UserError(
      'CertificateUnusable',
      `Cannot issue a certificate, as the authority is valid from ${from.toISOString()} to ${to.toISOString()} only`,
    );
  }
  const x509 = await loadX509();
  const keys = await createKeys();
  const issuerCertificate = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: createSerialNumber(),
    subject: nameOf(commonName),
    issuer: issuerCertificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: importSigningKey(authority.key),
    signingAlgorithm: ALGORITHM,
    ...validityOf(validity, issuer),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
      await x509.AuthorityKeyIdentifierExtension.create(issuerCertificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])]),
    ],
  });
  return { certificate: toPem(certificate), key: await exportKey(keys) };
}

/** 20 packages and 70 ms: only who makes certificates pays for them, which `serve` does not. */
async function loadX509(): Promise<typeof X509> {
  // Its dependency injection needs this polyfill first, and throws on import without it.
  await import('reflect-metadata');
  return await import('@peculiar/x509');
}

async function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function importSigningKey(key: string): webcrypto.CryptoKey {
  return createPrivateKey(key).toCryptoKey(ALGORITHM, false, ['sign']);
}

async function exportKey({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/** 128 bits, positive, and never with a leading zero octet, so that every encoder writes the same 16 octets. */
function createSerialNumber(): string {
  const octets = randomBytes(16);
  octets.writeUInt8((octets.readUInt8(0) & 0x7f) | 0x40, 0);
  return octets.toString('hex');
}

function nameOf(commonName: string): { readonly CN: string[] }[] {
  if (commonName.length === 0 || commonName.length > MAXIMUM_COMMON_NAME) {
    throw new TypeError(`A common name has 1 to ${MAXIMUM_COMMON_NAME} characters: current value is '${commonName}'`);
  }
  return [{ CN: [commonName] }];
}

/** X.509 counts whole seconds. A certificate stays inside its issuer's validity, where there is an issuer. */
function validityOf({ now, days }: ValidityOptions, issuer?: X509Certificate): { notBefore: Date; notAfter: Date } {
  if (!(days > 0)) throw new RangeError(`A certificate is valid for more than 0 days: current value is ${days}`);
  const begin = Math.max(now.getTime() - CLOCK_SKEW_MILLISECONDS, issuer?.validFromDate.getTime() ?? 0);
  const end = Math.min(now.getTime() + days * DAY_MILLISECONDS, issuer?.validToDate.getTime() ?? Infinity);
  return { notBefore: wholeSeconds(begin), notAfter: wholeSeconds(end) };
}

function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

function toPem(certificate: { toString(format: 'pem'): string }): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}
