import {
  createAuthority,
  type IssuedCertificate,
  issueClientCertificate,
  issueServingCertificate,
  type ServingOptions,
} from './authority.ts';

/** Common name of every authority that {@link makeDevelopmentCertificates} makes; files that name it are ours to replace. */
export const DEVELOPMENT_AUTHORITY_NAME = 'gvisor-injector development authority';

/** Common name of the client certificate. */
export const DEVELOPMENT_CLIENT_NAME = 'gvisor-injector development client';

/** Certificates for development, tests and the demo. */
export interface DevelopmentCertificates {
  /** The authority's certificate, PEM. Its private key is gone, so nothing else can ever be signed by it. */
  readonly ca: string;
  readonly serving: IssuedCertificate;
  readonly client: IssuedCertificate;
}

/** Makes an authority, lets it sign one serving and one client certificate, and forgets its key. */
export async function makeDevelopmentCertificates(options: ServingOptions): Promise<DevelopmentCertificates> {
  const { now, days } = options;
  const authority = await createAuthority({ now, days, commonName: DEVELOPMENT_AUTHORITY_NAME });
  const [serving, client] = await Promise.all([
    issueServingCertificate(authority, options),
    issueClientCertificate(authority, { now, days, commonName: DEVELOPMENT_CLIENT_NAME }),
  ]);
  return { ca: authority.certificate, serving, client };
}
