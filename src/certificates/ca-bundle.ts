import { X509Certificate } from 'node:crypto';
import { UserError } from '../errors/user-error.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/**
 * The certificates of a PEM file, and nothing else of it: everybody may read a webhook configuration.
 *
 * @param file what to call the file in messages
 * @throws {UserError} CertificateUnusable when it holds a private key, no certificate, or one that cannot be read
 */
export function parseCABundle(pem: string, file: string): string {
  if (PRIVATE_KEY.test(pem)) {
    throw new UserError('CertificateUnusable', `Cannot use '${file}' as the CA bundle: it holds a private key`, {
      hint: 'The bundle is public; name a file with the CA certificate alone, such as ca.crt',
    });
  }
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    throw new UserError('CertificateUnusable', `Cannot use '${file}' as the CA bundle: it holds no PEM certificate`, {
      hint: 'It must hold at least one block that begins with -----BEGIN CERTIFICATE-----',
    });
  }
  return certificates.map((certificate, index) => readCertificate(certificate, index, file).toString()).join('');
}

function readCertificate(certificate: string, index: number, file: string): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (cause) {
    throw new UserError(
      'CertificateUnusable',
      `Cannot use '${file}' as the CA bundle: its certificate number ${index + 1} cannot be read`,
      { hint: 'Make the file again, or copy it whole', cause },
    );
  }
}
