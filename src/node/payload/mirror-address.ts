import { UserError } from '../../errors/user-error.ts';
import type { Architecture } from './payload.ts';
import { payloadError } from './payload-error.ts';

/** The bucket of gVisor's own releases. */
export const RELEASE_BUCKET = 'https://storage.googleapis.com/gvisor/releases';

/**
 * Reads the base address of a mirror.
 *
 * @throws {UserError} BadUsage
 */
export function parseMirror(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw badMirror(text, 'it is no URL');
  if (url.protocol !== 'https:') throw badMirror(text, 'it is not https');
  if (url.username !== '' || url.password !== '') throw badMirror(`${url.protocol}//${url.host}`, 'it names a user');
  if (url.search !== '' || url.hash !== '') throw badMirror(nameOf(url), 'it has a query or a fragment');
  return url;
}

function badMirror(text: string, why: string): UserError {
  return new UserError('BadUsage', `Cannot use the mirror '${text}', as ${why}`, {
    hint: `A mirror is named like '${RELEASE_BUCKET}'`,
  });
}

/** Where a mirror has a file of a release. */
export function mirrorAddress(
  base: URL,
  { release, architecture }: { readonly release: string; readonly architecture: Architecture },
  file: string,
): URL {
  return new URL(`${base.href.replace(/\/+$/, '')}/release/${release}/${architecture}/${file}`);
}

/** An address for a message, without what may be a secret: user, query. */
export function nameOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/**
 * Where a redirect leads.
 *
 * @throws {NodeError} PayloadUnavailable when it leads nowhere, or away from https
 */
export function redirectAddress(from: URL, location: string | undefined): URL {
  const to = location === undefined ? null : URL.parse(location, from.href);
  if (to === null) throw payloadError('PayloadUnavailable', `${nameOf(from)} redirects to no address`);
  if (to.protocol !== 'https:') {
    throw payloadError('PayloadUnavailable', `${nameOf(from)} redirects to ${nameOf(to)}, which is not https`);
  }
  return to;
}
