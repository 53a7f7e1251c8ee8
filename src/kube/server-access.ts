import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { UserError } from '../errors/user-error.ts';

/** By what a client knows the API server, and the API server the client. */
export interface Credentials {
  /** PEM bundle. */
  readonly authority: string;
  readonly token?: string;
  /** PEM. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
}

/** Where an API server is, and how to be let in. */
export interface ServerAccess {
  /** Such as `https://10.96.0.1:443`. */
  readonly server: URL;
  /** Asked before every call, as a kubelet renews the token of a Pod's service account within the hour. */
  readonly credentials: () => Promise<Credentials>;
}

/** What a Pod is given. */
export interface PodSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a file as text. */
  readonly read: (path: string) => Promise<string>;
}

/** Where a kubelet puts the token of a Pod's service account, and the authority of the API server. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The access that a Pod has by its service account (kubernetes/website: tasks/run-application/access-api-from-pod).
 *
 * @throws {UserError} BadUsage outside of a Pod
 */
export function podAccess({ environment, read }: PodSurroundings): ServerAccess {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT_HTTPS'] ?? environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === '') {
    throw new UserError('BadUsage', 'There is no API server to talk to: KUBERNETES_SERVICE_HOST is not set', {
      hint: 'Run it in a Pod with a service account',
    });
  }
  return {
    server: new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    credentials: async () => {
      const [authority, token] = await Promise.all([
        read(join(SERVICE_ACCOUNT_FOLDER, 'ca.crt')),
        read(join(SERVICE_ACCOUNT_FOLDER, 'token')),
      ]);
      return { authority, token: token.trim() };
    },
  };
}
