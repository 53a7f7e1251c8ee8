import { join, relative } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { type Flags, integerFlag, parseFlags } from '../src/cli/flags.ts';
import { render } from '../src/cli/render.ts';
import { EXIT_CODES, type ExitCode, UserError } from '../src/errors/user-error.ts';
import { serviceDnsName } from '../src/manifest/names.ts';
import { DEFAULT_NAMESPACE } from '../src/policy/keys.ts';
import { type EnsuredCertificates, ensureCertificates } from './certificate-folder.ts';
import {
  installsBase,
  isMarked,
  KUSTOMIZATION_FILE,
  kustomizationText,
  SECRET_FILE,
  secretText,
} from './kubernetes-files.ts';
import { openFolder, readOptional, writeChanged } from './write-files.ts';

/** The world as the command may see it. */
export interface MakeCertificatesIO {
  readonly stdout: Writable;
  readonly now: Date;
}

const NAME = 'certs';
const FLAGS = {
  namespace: 'string',
  policy: 'string',
  output: 'string',
  days: 'string',
  force: 'boolean',
  help: 'boolean',
} as const;
const SHORT = { n: 'namespace', f: 'policy', o: 'output', h: 'help' } as const;
const DEFAULT_OUTPUT = join(import.meta.dirname, 'development');
const DEFAULT_BASE = join(import.meta.dirname, '..', 'manifests', 'base');
const DEFAULT_DAYS = '365';
const MAXIMUM_DAYS = 3650;
/** For a webhook that runs by hand on one's own machine. */
const LOCAL_NAMES = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] } as const;

const HELP = `npm run certs && kubectl apply -k certs/development

Makes what a webhook in a development cluster needs to be trusted: an authority, a serving certificate signed by it,
the Secret with both, and a kustomization that installs a base, the Secret and caBundle in one go. The authority's
private key is thrown away at once. Run it again as often as you like: certificates that still serve are kept.

Flags (after --, as in npm run certs -- --days 30):
  -n, --namespace NAME  where the webhook runs (default: ${DEFAULT_NAMESPACE})
  -f, --policy FILE     the policy to install; without it the built-in default
  -o, --output FOLDER   where to write (default: certs/development)
      --days DAYS       how long the certificates are valid (default: ${DEFAULT_DAYS})
      --force           make new certificates whatever there is

Without --namespace and --policy the kustomization installs manifests/base, else a base that is rendered beside it.
`;

/**
 * `npm run certs`.
 *
 * @throws {UserError} for every expected failure
 */
export async function makeCertificates(args: readonly string[], io: MakeCertificatesIO): Promise<ExitCode> {
  try {
    const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: SHORT });
    if (flags.help === true) io.stdout.write(HELP);
    else io.stdout.write(await make(flags, io.now));
    return EXIT_CODES.done;
  } catch (error) {
    throw error instanceof UserError ? namedAfterThisCommand(error) : error;
  }
}

/** Returns what was done, for a person. */
async function make(flags: Flags<typeof FLAGS>, now: Date): Promise<string> {
  const { namespace = DEFAULT_NAMESPACE, output = DEFAULT_OUTPUT, days = DEFAULT_DAYS, force = false } = flags;
  const validDays = integerFlag(NAME, { name: 'days', value: days, minimum: 1, maximum: MAXIMUM_DAYS });
  const folder = await openFolder(output);
  if (!force) await refuseForeign(folder);
  const base = relative(folder, await ensureBase(folder, flags));
  const serviceName = serviceDnsName(namespace);
  const { ipAddresses } = LOCAL_NAMES;
  const dnsNames = [serviceName, ...LOCAL_NAMES.dnsNames] as const;
  const certificates = await ensureCertificates(folder, { dnsNames, ipAddresses, days: validDays, now, force });
  const kustomization = await readOptional(folder, KUSTOMIZATION_FILE);
  const keepsKustomization = kustomization !== undefined && !force && installsBase(kustomization, base);
  await writeChanged(folder, [
    { name: SECRET_FILE, text: secretText(namespace, certificates), secret: true },
    ...(keepsKustomization ? [] : [{ name: KUSTOMIZATION_FILE, text: kustomizationText(base), secret: false }]),
  ]);
  return summarise(certificates, { serviceName, folder: relative(process.cwd(), folder) || '.', base });
}

/** @throws {UserError} WriteFailed when a file that would be replaced is somebody else's */
async function refuseForeign(folder: string): Promise<void> {
  for (const name of [SECRET_FILE, KUSTOMIZATION_FILE]) {
    const text = await readOptional(folder, name);
    if (text === undefined || isMarked(text)) continue;
    throw new UserError(
      'WriteFailed',
      `Cannot write '${join(folder, name)}': it is there, and this command did not make it`,
      {
        hint: 'Name another folder with --output, or replace it with --force',
      },
    );
  }
}

/** The folder of the base: the repository's own, or one rendered for this namespace and policy. */
async function ensureBase(folder: string, { namespace, policy }: Flags<typeof FLAGS>): Promise<string> {
  if ((namespace === undefined || namespace === DEFAULT_NAMESPACE) && policy === undefined) return DEFAULT_BASE;
  const base = join(folder, 'base');
  const silent = new PassThrough().resume();
  const args = [
    ...(namespace === undefined ? [] : ['--namespace', namespace]),
    ...(policy === undefined ? [] : ['--policy', policy]),
    '--output',
    base,
  ];
  const { signal } = new AbortController();
  await render.run(args, {
    stdin: silent,
    stdout: silent,
    stdoutDescriptor: undefined,
    stderr: silent,
    colour: false,
    environment: {},
    program: ['node', 'main.ts'],
    signal,
  });
  return base;
}

function summarise(
  { madeBecause, notAfter }: EnsuredCertificates,
  { serviceName, folder, base }: { readonly serviceName: string; readonly folder: string; readonly base: string },
): string {
  const done =
    madeBecause === undefined
      ? `Kept the certificates for ${serviceName}, which still serve (--force makes new ones)`
      : `Made certificates for ${serviceName}: ${madeBecause}`;
  return `${done}
  ca.crt              authority${madeBecause === undefined ? '' : '; its private key was thrown away after signing'}
  tls.crt, tls.key    serving pair, valid until ${notAfter.toISOString()}
  ${SECRET_FILE}         the pair and the authority as a Secret
  ${KUSTOMIZATION_FILE}  installs ${base}, the Secret and caBundle
next: put the image's lines into ${join(folder, KUSTOMIZATION_FILE)}, then kubectl apply -k ${folder}
`;
}

/** Flags are parsed by code that knows the product's own commands; this one is npm's. */
function namedAfterThisCommand({ code, message, details, hint, cause }: UserError): UserError {
  const named = hint?.replace(/'gvisor-injector [a-z]+ --help'/, "'npm run certs -- --help'");
  return new UserError(code, message, { details, cause, ...(named === undefined ? {} : { hint: named }) });
}
