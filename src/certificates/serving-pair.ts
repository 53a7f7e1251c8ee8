/**
 * The certificates room: what the webhook proves its name with. `checkServingPair` judges a certificate and its key,
 * `ServingCertificate` keeps a pair of files current, `authority.ts` makes certificates. A pair that cannot be used is
 * a value with a sentence for the operator, not an exception; no key material is in any message.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** A certificate and its private key that a TLS server can present now. */
export interface ServingPair {
  /** The chain in PEM, the server's own certificate first; nothing but certificates. */
  readonly certificate: string;
  /** The private key in PEM, unencrypted. */
  readonly key: string;
  /** Of the server's own certificate, as `notAfter`. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Such as `DNS:gvisor-injector.gvisor-injector.svc` and `IP Address:127.0.0.1`; at least one. */
  readonly subjectAltNames: readonly string[];
  /** SHA-256 of the server's own certificate, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string;
}

/** What {@link checkServingPair} is given. */
export interface ServingPairInput {
  /** Text of the certificate file: PEM, the server's own certificate first. */
  readonly certificate: string;
  /** Text of the key file: PEM (PKCS#8, SEC1 or PKCS#1). */
  readonly key: string;
  readonly now: Date;
}

/** A usable pair, or a sentence that says what is wrong. The same input at another time gives the same sentence or none. */
export type ServingPairCheck =
  | { readonly kind: 'usable'; readonly pair: ServingPair }
  | { readonly kind: 'fault'; readonly fault: string };

/** Judges a certificate and its key as the API server and our own TLS would. */
export function checkServingPair({ certificate, key, now }: ServingPairInput): ServingPairCheck {
  const chain = readChain(certificate);
  if ('fault' in chain) return fault(chain.fault);
  const read = readKey(key);
  if ('fault' in read) return fault(read.fault);
  const leafFault = findLeafFault(chain.leaf, now) ?? findKeyFault(chain, read.key);
  if (leafFault !== undefined) return fault(leafFault);
  const pair = {
    certificate: chain.text,
    key: read.text,
    notBefore: chain.leaf.validFromDate,
    notAfter: chain.leaf.validToDate,
    // Node writes a comma inside a name as \u002c (CVE-2021-44532).
    subjectAltNames: (chain.leaf.subjectAltName ?? '').split(', '),
    fingerprint: chain.leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
  const contextFault = findContextFault(pair);
  return contextFault === undefined ? { kind: 'usable', pair } : fault(contextFault);
}

/** True while a pair may be presented: from its first second to its last, as Go's verifier counts. */
export function isWithinValidity(
  { notBefore, notAfter }: Pick<ServingPair, 'notBefore' | 'notAfter'>,
  now: Date,
): boolean {
  return now >= notBefore && now <= notAfter;
}

interface Chain {
  readonly leaf: X509Certificate;
  readonly issuers: readonly X509Certificate[];
  readonly text: string;
}
interface Fault {
  readonly fault: string;
}

const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const KEY_BLOCK = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[^]*?-----END \1-----/;
const ENCRYPTED_KEY = /^(?:-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED)/m;
/** Base64 of `-----BEGIN `: a value of a Secret's `data` that nobody decoded. */
const ENCODED_PEM = /^\s*LS0tLS1CRUdJTi/;
/** serverAuth and anyExtendedKeyUsage, RFC 5280 section 4.2.1.12. */
const SERVER_USAGES: readonly string[] = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];

function fault(sentence: string): ServingPairCheck {
  return { kind: 'fault', fault: sentence };
}

function readChain(text: string): Chain | Fault {
  const blocks = text.match(CERTIFICATE_BLOCK) ?? [];
  if (blocks.length === 0) {
    return { fault: `the certificate file holds no PEM certificate${explainAbsence(text, 'CERTIFICATE')}` };
  }
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (blocks.length < begun) return { fault: `the certificate file ends within certificate ${begun}` };
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    const certificate = attempt(() => new X509Certificate(block));
    if (certificate === undefined) {
      return { fault: `certificate ${index + 1} of ${blocks.length} in the certificate file is damaged` };
    }
    certificates.push(certificate);
  }
  const [leaf, ...issuers] = certificates;
  if (leaf === undefined) throw new TypeError('A chain with blocks has a first certificate');
  return { leaf, issuers, text: `${blocks.join('\n')}\n`.replaceAll('\r', '') };
}

function readKey(text: string): { readonly key: KeyObject; readonly text: string } | Fault {
  const block = KEY_BLOCK.exec(text)?.[0];
  if (block === undefined) {
    return { fault: `the key file holds no PEM private key${explainAbsence(text, 'PRIVATE KEY')}` };
  }
  if (ENCRYPTED_KEY.test(block)) {
    return { fault: 'the private key is encrypted with a passphrase, which a server without a person cannot type' };
  }
  const key = attempt(() => createPrivateKey(block));
  return key === undefined
    ? { fault: 'the private key is damaged or of an unknown kind' }
    : { key, text: `${block}\n`.replaceAll('\r', '') };
}

function explainAbsence(text: string, wanted: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  if (text.trim() === '') return ', it is empty';
  if (ENCODED_PEM.test(text)) return ' but base64 of one, which must be decoded once more';
  const [, label] = /-----BEGIN (?:[A-Z]+ )?(CERTIFICATE|PRIVATE KEY)-----/.exec(text) ?? [];
  if (label === undefined) return '';
  if (label === wanted) return ', it ends within one';
  return ` but a ${label.toLowerCase()}: are the two files swapped?`;
}

function findLeafFault(leaf: X509Certificate, now: Date): string | undefined {
  const { validFromDate, validToDate } = leaf;
  if (now > validToDate) return `the certificate expired at ${validToDate.toISOString()}`;
  if (now < validFromDate) return `the certificate is valid only from ${validFromDate.toISOString()}`;
  // Node calls the extended key usage `keyUsage`, and types it as always there.
  const usages: readonly string[] | undefined = leaf.keyUsage;
  if (usages !== undefined && usages.length > 0 && !usages.some(usage => SERVER_USAGES.includes(usage))) {
    return 'the certificate is not for servers: its extended key usage lacks serverAuth';
  }
  // Go ignores the common name since 1.15, so without this extension no API server accepts the certificate.
  if (leaf.subjectAltName === undefined) return 'the certificate has no subject alternative names';
  return undefined;
}

function findKeyFault({ leaf, issuers }: Chain, key: KeyObject): string | undefined {
  if (leaf.checkPrivateKey(key)) return undefined;
  const index = issuers.findIndex(issuer => issuer.checkPrivateKey(key));
  return index === -1
    ? 'the private key does not belong to the certificate'
    : `the private key belongs to certificate ${index + 2} of the certificate file, which must be the first`;
}

/** OpenSSL has the last word: it refuses keys and digests that are too weak for TLS. */
function findContextFault({ certificate, key }: ServingPair): string | undefined {
  try {
    createSecureContext({ cert: certificate, key });
    return undefined;
  } catch (error) {
    // `reason` is a constant of OpenSSL such as `ee key too small`; the message may say more than we know of.
    const reason = error instanceof Error && 'reason' in error && typeof error.reason === 'string' ? error.reason : '';
    return reason === '' ? 'TLS refuses the pair' : `TLS refuses the pair: ${reason}`;
  }
}

function attempt<Value>(make: () => Value): Value | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
