import type { HostFiles } from '../host/host-files.ts';
import { isPartName } from './parts.ts';
import { ARCHIVE_NAME, type PartFacts, type PayloadPin, SUMS_NAME } from './payload.ts';
import { releaseFolder } from './release-folder.ts';
import { formatSums, parseSums } from './sums.ts';

/** `# KEY VALUE`, which `sha512sum --check` takes for a comment. */
const NOTE = /^# (architecture|archive) (\S+)$/gm;

/** What the list of a release's parts says, which lies in its folder. */
export interface ReleaseRecord {
  readonly architecture: string | undefined;
  /** SHA-512 of the archive that it came from. */
  readonly archive: string | undefined;
  /** SHA-512 by part. */
  readonly parts: ReadonlyMap<string, string>;
}

/** The text of the list: `sha512sum --check` reads it too. */
export function formatReleaseRecord({ architecture, sums }: PayloadPin, parts: readonly PartFacts[]): string {
  const archive = sums.get(ARCHIVE_NAME);
  const notes = [`# architecture ${architecture}\n`, ...(archive === undefined ? [] : [`# archive ${archive}\n`])];
  return notes.join('') + formatSums(new Map(parts.map(({ name, sha512 }) => [name, sha512])));
}

/** Reads the list; undefined when it is none, or names anything that is no part of a release. */
export function parseReleaseRecord(text: string): ReleaseRecord | undefined {
  const parts = readSums(text);
  if (parts === undefined || parts.size === 0 || ![...parts.keys()].every(isPartName)) return undefined;
  const notes = new Map([...text.matchAll(NOTE)].map(([, key, value]) => [key, value]));
  return { architecture: notes.get('architecture'), archive: notes.get('archive'), parts };
}

/** The list in a folder; undefined when it is not there or is none. */
export async function readReleaseRecord(files: HostFiles, folder: string): Promise<ReleaseRecord | undefined> {
  const path = `${folder}/${SUMS_NAME}`;
  if ((await files.status(path))?.kind !== 'file') return undefined;
  return parseReleaseRecord((await files.read(path))?.toString('utf8') ?? '');
}

/** True when everything that the pin says is what the list says. */
export function isOfPin({ architecture, archive, parts }: ReleaseRecord, pin: PayloadPin): boolean {
  if (architecture !== pin.architecture) return false;
  return [...pin.sums].every(([name, sum]) => (name === ARCHIVE_NAME ? archive : parts.get(name)) === sum);
}

function readSums(text: string): ReadonlyMap<string, string> | undefined {
  try {
    return parseSums(text, `'${SUMS_NAME}'`);
  } catch {
    // Damaged: it proves nothing, and is written anew.
    return undefined;
  }
}

/** The path of the list of a release. */
export function recordPathOf(release: string): string {
  return `${releaseFolder(release)}/${SUMS_NAME}`;
}
