import type { HostFiles } from '../host/host-files.ts';
import { replaceFile } from '../host/replace-file.ts';
import { NodeError } from '../node-error.ts';
import { SIDECAR_FOLDER } from './parts.ts';
import type { PartFacts, PayloadPin, PayloadReader } from './payload.ts';
import { payloadError } from './payload-error.ts';
import { releaseFolder } from './release-folder.ts';
import { formatReleaseRecord, type ReleaseRecord, readReleaseRecord, recordPathOf } from './release-record.ts';
import { checkTarget } from './storage-error.ts';
import { totalOf } from './survey.ts';
import { compareParts, type Difference, PROGRAM_ATTRIBUTES, SUMS_ATTRIBUTES } from './verify-payload.ts';
import { writeParts } from './write-parts.ts';

/** A payload that was judged, for a release whose folder is there. */
export interface JudgedPayload {
  readonly read: PayloadReader;
  readonly what: string;
  readonly pin: PayloadPin;
  readonly parts: readonly PartFacts[];
  /** An empty folder of the host beside the release's. */
  readonly partial: string;
}

/**
 * Gives a release in place back what it lost: each part that is missing or changed is written beside and renamed into
 * its place, attributes are set, and the list of the parts is written again. Running sandboxes name this very folder, so
 * there can be no other.
 *
 * @returns paths of the host that were repaired; what is not ours is left alone
 * @throws {NodeError} PayloadChecksumMismatch when the release in place is sound, and another payload than this
 */
export async function repairRelease(files: HostFiles, payload: JudgedPayload): Promise<readonly string[]> {
  const { pin, parts } = payload;
  const folder = releaseFolder(pin.release);
  const record = await readReleaseRecord(files, folder);
  const differences = await compareParts(files, folder, new Map(parts.map(({ name, sha512 }) => [name, sha512])));
  refuseObstacles(folder, differences);
  refuseOtherPayload(folder, record, parts, differences);
  const lost = differences.filter(({ kind }) => kind === 'missing' || kind === 'changed').map(({ path }) => path);
  const lostParts = parts.filter(({ name }) => lost.includes(name));
  if (lostParts.length > 0) await checkTarget(files, folder, totalOf(lostParts));
  if (lost.includes(SIDECAR_FOLDER)) {
    await files.makeFolder(`${folder}/${SIDECAR_FOLDER}`, PROGRAM_ATTRIBUTES.mode);
    await files.syncFolder(folder);
  }
  if (lostParts.length > 0) await replaceParts(files, payload, lostParts);
  const worn = differences.filter(({ kind }) => kind === 'attributes').map(({ path }) => path);
  for (const path of worn) await files.setAttributes(path === '' ? folder : `${folder}/${path}`, PROGRAM_ATTRIBUTES);
  const hasNewRecord = await writeRecord(files, pin, parts);
  const repaired = [...lost, ...worn].map(path => (path === '' ? folder : `${folder}/${path}`));
  return hasNewRecord ? [...repaired, recordPathOf(pin.release)] : repaired;
}

/** Where a folder should be and something else is, no rename helps. */
function refuseObstacles(folder: string, differences: readonly Difference[]): void {
  const obstacle = differences.find(({ path, kind }) => kind === 'changed' && (path === '' || path === SIDECAR_FOLDER));
  if (obstacle === undefined) return;
  throw new NodeError('NodeRefused', {
    reason: 'StorageFailed',
    sentence: obstacle.sentence,
    hint: `Look what it is, and remove it if nothing uses ${folder}`,
  });
}

/** A part that is as it was installed, and not as it is now pinned, is no damage. */
function refuseOtherPayload(
  folder: string,
  record: ReleaseRecord | undefined,
  parts: readonly PartFacts[],
  differences: readonly Difference[],
): void {
  const changed = differences.filter(({ kind }) => kind === 'changed').map(({ path }) => path);
  const other = parts.find(({ name, sha512 }) => {
    const recorded = record?.parts.get(name);
    return changed.includes(name) && recorded !== undefined && recorded !== sha512;
  });
  const surplus = [...(record?.parts.keys() ?? [])].find(name => !parts.some(part => part.name === name));
  const found = other?.name ?? surplus;
  if (found === undefined) return;
  throw payloadError(
    'PayloadChecksumMismatch',
    `${folder} holds another payload of the same release: its '${found}' is not that of the pin`,
    { hint: 'Sandboxes may run from it, so it is not changed; remove it first, or pin what it was installed from' },
  );
}

async function replaceParts(files: HostFiles, payload: JudgedPayload, parts: readonly PartFacts[]): Promise<void> {
  const { read, what, partial, pin } = payload;
  const folder = releaseFolder(pin.release);
  await writeParts(files, { read, parts, folder: partial, what });
  for (const { name } of parts) await files.rename(`${partial}/${name}`, `${folder}/${name}`);
  if (parts.some(({ name }) => name.startsWith(`${SIDECAR_FOLDER}/`)))
    await files.syncFolder(`${folder}/${SIDECAR_FOLDER}`);
  await files.syncFolder(folder);
}

async function writeRecord(files: HostFiles, pin: PayloadPin, parts: readonly PartFacts[]): Promise<boolean> {
  const path = recordPathOf(pin.release);
  const text = formatReleaseRecord(pin, parts);
  if ((await files.read(path))?.toString('utf8') === text) return false;
  await replaceFile(files, path, text, SUMS_ATTRIBUTES);
  return true;
}
