import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '../errors/user-error.ts';

/** Paths of a certificate and its key. */
export interface FilePairPaths {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** What the two files hold. `state` is equal when the same was found: a digest of both texts, or the sentence. */
export type FilePair =
  | { readonly kind: 'read'; readonly state: string; readonly certificate: string; readonly key: string }
  | { readonly kind: 'unreadable'; readonly state: string };

/** Readings at most; a third writer in a row brings an event of its own. */
const MAXIMUM_READINGS = 3;

/**
 * Reads both files as they were at one moment: until two readings in a row found the same. Otherwise a swap between the
 * first file and the second would look like a key that does not match.
 *
 * @param read reads one file as text
 */
export async function readFilePair(
  paths: FilePairPaths,
  read: (file: string) => Promise<string> = async file => await readFile(file, 'utf8'),
): Promise<FilePair> {
  let pair = await readEach(paths, read);
  for (let reading = 1; reading < MAXIMUM_READINGS; reading++) {
    // Each reading is compared with the one before.
    // oxlint-disable-next-line no-await-in-loop
    const again = await readEach(paths, read);
    if (pair.state === again.state) break;
    pair = again;
  }
  return pair;
}

async function readEach(
  { certificateFile, keyFile }: FilePairPaths,
  read: (file: string) => Promise<string>,
): Promise<FilePair> {
  const results = await Promise.allSettled([read(certificateFile), read(keyFile)]);
  const [certificate, key] = results;
  if (certificate.status === 'rejected') return unreadable(certificateFile, certificate.reason);
  if (key.status === 'rejected') return unreadable(keyFile, key.reason);
  const state = createHash('sha256').update(`${certificate.value}\0${key.value}`).digest('hex');
  return { kind: 'read', state, certificate: certificate.value, key: key.value };
}

function unreadable(file: string, error: unknown): FilePair {
  return { kind: 'unreadable', state: `cannot read '${file}': ${systemErrorCode(error) ?? 'unknown error'}` };
}
