import { UserError } from '../../errors/user-error.ts';
import { isPartName, PROGRAMS } from './parts.ts';
import { ARCHIVE_NAME, type Architecture, type PayloadPin, type PayloadSource, SUMS_NAME } from './payload.ts';
import { listNames, payloadError } from './payload-error.ts';
import { isPointRelease, isReleaseName } from './release-folder.ts';
import { parseSums } from './sums.ts';

const BARE_SUM = /^[0-9A-Fa-f]{128}$/;

/** What a pin is made from. */
export interface PinRequest {
  readonly release: string;
  readonly architecture: Architecture;
  /** 128 hexadecimal digits, the archive's; or what `sha512sum` prints of the archive or of each part. */
  readonly text: string;
  /** Where the text is from, for a message. */
  readonly what: string;
}

/**
 * Makes a pin.
 *
 * @throws {UserError} BadUsage when the release is no name
 * @throws {NodeError} PayloadInvalid when the text is no list of sums of a payload
 */
export function parsePin({ release, architecture, text, what }: PinRequest): PayloadPin {
  if (!isReleaseName(release)) {
    throw new UserError('BadUsage', `A release of gVisor is named like '20260914.0', not ${listNames([release])}`, {
      hint: "Name it as 'runsc --version' does, without 'release-'",
    });
  }
  const bare = text.trim();
  const sums = BARE_SUM.test(bare) ? new Map([[ARCHIVE_NAME, bare.toLowerCase()]]) : parseSums(text, what);
  if (sums.size === 0) throw payloadError('PayloadInvalid', `${what} has no sum`);
  const unknown = [...sums.keys()].filter(name => name !== ARCHIVE_NAME && !isPartName(name));
  if (unknown.length > 0) {
    throw payloadError('PayloadInvalid', `${what} has a sum of ${listNames(unknown)}, which is no part of a release`);
  }
  return { release, architecture, sums };
}

/**
 * The pin that lies beside a payload in our own image: `SHA512SUMS` in a folder, `ARCHIVE.sha512` beside an archive. It
 * guards against a damaged image, as whoever made the image made both. A mirror's sums prove nothing of the mirror.
 *
 * @throws {UserError} BadUsage for a mirror
 * @throws {NodeError} PayloadUnavailable when there is none
 */
export async function readLocalPin(
  source: PayloadSource,
  { release, architecture }: Omit<PinRequest, 'text' | 'what'>,
): Promise<PayloadPin> {
  if (source.kind === 'mirror') {
    throw new UserError('BadUsage', `The payload of ${release} needs a sha512 to come from a mirror`, {
      hint: 'Take it from a place that is not the mirror: the sum beside the archive proves nothing of it',
    });
  }
  const path = source.kind === 'folder' ? `${source.path}/${SUMS_NAME}` : `${source.path}.sha512`;
  const bytes = await source.files.read(path);
  if (bytes === undefined) {
    const hint = `Make it with 'sha512sum', or name the sums`;
    throw payloadError('PayloadUnavailable', `the payload in '${source.path}' has no sums: '${path}' is not there`, {
      hint,
    });
  }
  return parsePin({ release, architecture, text: bytes.toString('utf8'), what: `'${path}'` });
}

/**
 * Refuses a pin that says nothing of what its source holds.
 *
 * @throws {NodeError} PayloadInvalid
 */
export function checkPin({ kind }: PayloadSource, { release, sums }: PayloadPin): void {
  const hasArchive = sums.has(ARCHIVE_NAME);
  const hasPrograms = PROGRAMS.every(name => sums.has(name));
  if (kind === 'archive' && !hasArchive) {
    throw payloadError(
      'PayloadInvalid',
      `the pin of ${release} has no sum of ${ARCHIVE_NAME}, and an archive is given`,
    );
  }
  if (!hasArchive && !hasPrograms) {
    throw payloadError('PayloadInvalid', `the pin of ${release} needs a sum of ${ARCHIVE_NAME}, or of each part`);
  }
  if (kind === 'folder' && !hasPrograms) {
    throw payloadError('PayloadInvalid', `the pin of ${release} needs a sum of each part, as a folder is given`);
  }
  if (kind !== 'mirror') return;
  if (!isPointRelease(release)) {
    throw payloadError('PayloadInvalid', `a mirror holds releases such as 20260914.0, and ${release} is none`);
  }
  const loose = [...sums.keys()].filter(name => !PROGRAMS.some(program => program === name));
  if (!hasArchive && loose.length > 0) {
    const sentence = `a mirror has ${PROGRAMS.join(' and ')} as loose files at most, and the pin of ${release} has a sum of ${listNames(loose)}`;
    throw payloadError('PayloadInvalid', sentence, { hint: `Pin ${ARCHIVE_NAME}` });
  }
}
