import { dirname } from 'node:path/posix';
import { PAYLOAD_FOLDER, RELEASES_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { openSource } from './open-source.ts';
import { isSidecar, SIDECAR_FOLDER } from './parts.ts';
import {
  PAYLOAD_LIMITS,
  type PartFacts,
  type PayloadLimits,
  type PayloadPin,
  type PayloadSource,
  SUMS_NAME,
} from './payload.ts';
import { checkPin } from './pin.ts';
import { releaseFolder, stagingFolder } from './release-folder.ts';
import { formatReleaseRecord, isOfPin, readReleaseRecord } from './release-record.ts';
import { sweepReleases } from './remove-release.ts';
import { repairRelease } from './repair-release.ts';
import { removeTree } from './staging.ts';
import { checkTarget, storageError } from './storage-error.ts';
import { surveyPayload, totalOf } from './survey.ts';
import { compareParts, PROGRAM_ATTRIBUTES, SUMS_ATTRIBUTES } from './verify-payload.ts';
import { writeParts } from './write-parts.ts';

/** A payload that shall be on the host. */
export interface PayloadRequest {
  readonly source: PayloadSource;
  readonly pin: PayloadPin;
  /** Default: {@link PAYLOAD_LIMITS}. */
  readonly limits?: PayloadLimits;
}

/** What became of it. `present`: it was there as it should be, and nothing was written. */
export interface PayloadResult {
  readonly outcome: 'present' | 'installed' | 'repaired';
  /** Paths of the host that a repair wrote, made or gave their attributes back. */
  readonly repaired: readonly string[];
}

/**
 * Puts a release into its folder on the host. The whole payload is judged first; then its parts are written beside,
 * flushed, and get their place by one rename. A release that is in place is never changed, but for parts that are not as
 * they were installed: each of those is replaced by a rename, so that processes that run it keep what they have.
 *
 * @throws {UserError} BadUsage
 * @throws {NodeError} with what is wrong; the host then has what it had before. What cannot even be cleared up is
 *   cleared up by the next run.
 */
export async function installPayload(files: HostFiles, request: PayloadRequest): Promise<PayloadResult> {
  const { source, pin, limits = PAYLOAD_LIMITS } = request;
  checkPin(source, pin);
  const scope: InstallScope = { files, made: [], bytes: 0 };
  try {
    await sweepReleases(files);
    if (await isPresent(files, pin)) return { outcome: 'present', repaired: [] };
    const result = await installFrom(scope, { source, pin, limits });
    scope.made.length = 0;
    return result;
  } catch (error) {
    throw await storageError(error, { files, path: releaseFolder(pin.release), bytes: scope.bytes });
  } finally {
    await clearUp(scope, pin.release);
  }
}

/** What has to be cleared up, and what is known of the size. */
interface InstallScope {
  readonly files: HostFiles;
  /** Folders that go again unless something comes of it, from the outside in. */
  readonly made: string[];
  bytes: number;
}

async function isPresent(files: HostFiles, pin: PayloadPin): Promise<boolean> {
  const folder = releaseFolder(pin.release);
  const record = await readReleaseRecord(files, folder);
  if (record === undefined || !isOfPin(record, pin)) return false;
  return (await compareParts(files, folder, record.parts)).length === 0;
}

async function installFrom(
  scope: InstallScope,
  { source, pin, limits }: Required<PayloadRequest>,
): Promise<PayloadResult> {
  const { files } = scope;
  const downloads = stagingFolder(pin.release, 'download');
  if (source.kind === 'mirror') await makeFolders(scope, downloads);
  const { what, read } = await openSource(files, { source, pin, limits, downloads });
  const parts = await surveyPayload(read(), { pin, what, maximumBytes: limits.unpackedBytes });
  scope.bytes = totalOf(parts);
  const partial = stagingFolder(pin.release, 'partial');
  const payload = { read, what, pin, parts, partial };
  const isThere = (await files.status(releaseFolder(pin.release))) !== undefined;
  if (!isThere) await checkTarget(files, RELEASES_FOLDER, scope.bytes);
  await makeFolders(scope, partial);
  if (isThere) {
    const repaired = await repairRelease(files, payload);
    return { outcome: repaired.length === 0 ? 'present' : 'repaired', repaired };
  }
  await writeParts(files, { read, parts, folder: partial, what });
  await place(files, { parts, partial, pin });
  return { outcome: 'installed', repaired: [] };
}

async function place(
  files: HostFiles,
  { parts, partial, pin }: { readonly parts: readonly PartFacts[]; readonly partial: string; readonly pin: PayloadPin },
): Promise<void> {
  const record = Buffer.from(formatReleaseRecord(pin, parts));
  await files.createFile(`${partial}/${SUMS_NAME}`, record, SUMS_ATTRIBUTES);
  if (parts.some(({ name }) => isSidecar(name))) await files.syncFolder(`${partial}/${SIDECAR_FOLDER}`);
  await files.syncFolder(partial);
  await files.rename(partial, releaseFolder(pin.release));
  await files.syncFolder(RELEASES_FOLDER);
}

/** Makes a folder below the releases, and those above it that are missing. */
async function makeFolders({ files, made }: InstallScope, folder: string): Promise<void> {
  for (const path of [dirname(PAYLOAD_FOLDER), PAYLOAD_FOLDER, RELEASES_FOLDER, folder]) {
    if ((await files.status(path)) !== undefined) continue;
    await files.makeFolder(path, PROGRAM_ATTRIBUTES.mode);
    if (path !== folder) made.push(path);
    await files.syncFolder(dirname(path));
  }
}

/** Best effort: what stays is swept by the next run. */
async function clearUp({ files, made }: InstallScope, release: string): Promise<void> {
  await attempt(removeTree(files, stagingFolder(release, 'partial')));
  await attempt(removeTree(files, stagingFolder(release, 'download')));
  for (const folder of made.toReversed()) await attempt(files.removeFolder(folder));
}

async function attempt(call: Promise<unknown>): Promise<void> {
  await call.catch(() => undefined);
}
