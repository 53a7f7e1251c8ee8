import type { HostFiles } from '../host/host-files.ts';
import { archiveEntries } from './archive-entries.ts';
import { fetchFromMirror } from './fetch-mirror.ts';
import { folderEntries, localContent, localStatus } from './folder-entries.ts';
import {
  ARCHIVE_NAME,
  type PayloadLimits,
  type PayloadPin,
  type PayloadReader,
  type PayloadSource,
} from './payload.ts';
import { verified } from './verified.ts';

/** How many bytes an archive unpacks to, for each of its own: 20261005.0 has 2.53. */
const UNPACKED_RATIO = 3;
/** A release and its archive, when neither is here yet. */
const MIRRORED_BYTES = 500_000_000;

/** What a source is opened with. */
export interface OpenOptions {
  readonly source: PayloadSource;
  readonly pin: PayloadPin;
  readonly limits: PayloadLimits;
  /** A folder of the host for what has to be downloaded; empty. */
  readonly downloads: string;
}

/** A source that can be read. */
export interface OpenedSource {
  /** Its name for a message. */
  readonly what: string;
  readonly read: PayloadReader;
}

/**
 * Opens a source: a mirror's files are downloaded, and an archive's sum is compared with its pin, before anything is
 * unpacked.
 *
 * @throws {NodeError}
 */
export async function openSource(
  host: HostFiles,
  { source, pin, limits, downloads }: OpenOptions,
): Promise<OpenedSource> {
  switch (source.kind) {
    case 'folder':
      return openFolder(source.files, source.path, `the payload in '${source.path}'`);
    case 'archive':
      return await openArchive(source.files, source.path, { pin, limits, what: `'${source.path}'` });
    case 'mirror': {
      await fetchFromMirror(host, { mirror: source, pin, limits, folder: downloads });
      const what = `the payload from ${source.base.host}`;
      if (!pin.sums.has(ARCHIVE_NAME)) return openFolder(host, downloads, what);
      return openVerifiedArchive(host, `${downloads}/${ARCHIVE_NAME}`, { limits, what });
    }
    default:
      return source satisfies never;
  }
}

/**
 * How many bytes a release from this source will take on the host, as far as that can be told beforehand.
 *
 * @throws {NodeError} PayloadUnavailable
 */
export async function estimateBytes(source: PayloadSource): Promise<number> {
  if (source.kind === 'mirror') return MIRRORED_BYTES;
  if (source.kind === 'archive') return (await localStatus(source.files, source.path)).size * UNPACKED_RATIO;
  let bytes = 0;
  for await (const { name } of folderEntries(source)) {
    bytes += (await source.files.status(`${source.path}/${name}`))?.size ?? 0;
  }
  return bytes;
}

function openFolder(files: HostFiles, path: string, what: string): OpenedSource {
  return { what, read: () => folderEntries({ files, path }) };
}

async function openArchive(
  files: HostFiles,
  path: string,
  { pin, limits, what }: { readonly pin: PayloadPin; readonly limits: PayloadLimits; readonly what: string },
): Promise<OpenedSource> {
  await localStatus(files, path);
  const sha512 = pin.sums.get(ARCHIVE_NAME) ?? '';
  for await (const _ of verified(localContent(files, path), { sha512, what })) continue;
  return openVerifiedArchive(files, path, { limits, what });
}

function openVerifiedArchive(
  files: HostFiles,
  path: string,
  { limits, what }: { readonly limits: PayloadLimits; readonly what: string },
): OpenedSource {
  return {
    what,
    read: () => archiveEntries(localContent(files, path), { what, maximumBytes: limits.unpackedBytes }),
  };
}
