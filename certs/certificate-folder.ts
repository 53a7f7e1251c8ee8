import { X509Certificate } from 'node:crypto';
import {
  DEVELOPMENT_AUTHORITY_NAME,
  makeDevelopmentCertificates,
} from '../src/certificates/development-certificates.ts';
import { checkServingPair } from '../src/certificates/serving-pair.ts';
import { UserError } from '../src/errors/user-error.ts';
import { readOptional, writeChanged } from './write-files.ts';

/** The authority's certificate and the serving pair, as their files hold them. */
export interface CertificateFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** What became of the certificates of a folder. */
export interface EnsuredCertificates extends CertificateFiles {
  /** Why they were made; undefined when the ones that were there serve. */
  readonly madeBecause: string | undefined;
  readonly notAfter: Date;
}

/** What the certificates of a folder are to be. */
export interface EnsureOptions {
  /** The first must be the one that the API server asks for. */
  readonly dnsNames: readonly [string, ...string[]];
  readonly ipAddresses: readonly string[];
  readonly days: number;
  readonly now: Date;
  /** Replaces whatever there is. */
  readonly force: boolean;
}

const FILES = { ca: 'ca.crt', certificate: 'tls.crt', key: 'tls.key' } as const;
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** Certificates that end sooner are made anew: who runs the command wants to go on working. */
const MINIMUM_DAYS_LEFT = 7;

/**
 * Makes sure that a folder holds an authority's certificate and a serving pair signed by it. Certificates that serve
 * are left alone, so running it again changes nothing in a cluster that uses them.
 *
 * @throws {UserError} WriteFailed when the folder holds certificates that this command did not make
 */
export async function ensureCertificates(folder: string, options: EnsureOptions): Promise<EnsuredCertificates> {
  const [ca, certificate, key] = await Promise.all(
    [FILES.ca, FILES.certificate, FILES.key].map(async name => await readOptional(folder, name)),
  );
  const present = { ca, certificate, key };
  if (!options.force) refuseForeign(folder, present);
  const judged = options.force ? { reason: '--force was given' } : judge(present, options);
  const files = 'files' in judged ? judged.files : await makeFiles(options);
  // The authority goes first: by it a run after an interrupted one knows that the rest is ours to replace.
  await writeChanged(folder, [
    { name: FILES.ca, text: files.ca, secret: false },
    { name: FILES.certificate, text: files.certificate, secret: false },
    { name: FILES.key, text: files.key, secret: true },
  ]);
  const notAfter = new X509Certificate(files.certificate).validToDate;
  return { ...files, madeBecause: 'reason' in judged ? judged.reason : undefined, notAfter };
}

type Present = { readonly [Name in keyof CertificateFiles]: string | undefined };
type Judgement = { readonly reason: string } | { readonly files: CertificateFiles };

function refuseForeign(folder: string, { ca, certificate, key }: Present): void {
  const isEmpty = ca === undefined && certificate === undefined && key === undefined;
  if (isEmpty || (ca !== undefined && parseAuthority(ca)?.subject === `CN=${DEVELOPMENT_AUTHORITY_NAME}`)) return;
  throw new UserError(
    'WriteFailed',
    `Cannot write to '${folder}': it holds certificates that this command did not make`,
    {
      hint: 'Name another folder with --output, or replace them with --force',
    },
  );
}

function judge({ ca, certificate, key }: Present, { dnsNames: [serviceName], now }: EnsureOptions): Judgement {
  if (ca === undefined && certificate === undefined && key === undefined) return { reason: 'there were none' };
  if (ca === undefined || certificate === undefined || key === undefined) return { reason: 'a file was missing' };
  const check = checkServingPair({ certificate, key, now });
  if (check.kind === 'fault') return { reason: check.fault };
  const leaf = new X509Certificate(certificate);
  const authority = parseAuthority(ca);
  if (authority === undefined || !leaf.verify(authority.publicKey)) {
    return { reason: `${FILES.ca} is not the authority of ${FILES.certificate}` };
  }
  if (leaf.checkHost(serviceName) === undefined) return { reason: `the old ones were not for ${serviceName}` };
  const { notAfter } = check.pair;
  if (notAfter.getTime() - now.getTime() < MINIMUM_DAYS_LEFT * DAY_MILLISECONDS) {
    return { reason: `the old ones end at ${notAfter.toISOString()}` };
  }
  return { files: { ca, certificate, key } };
}

function parseAuthority(ca: string): X509Certificate | undefined {
  try {
    return new X509Certificate(ca);
  } catch {
    return undefined;
  }
}

async function makeFiles({ now, days, dnsNames, ipAddresses }: EnsureOptions): Promise<CertificateFiles> {
  const { ca, serving } = await makeDevelopmentCertificates({ now, days, dnsNames, ipAddresses });
  return { ca, ...serving };
}
