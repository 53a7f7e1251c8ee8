import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { systemErrorCode, UserError } from '../src/errors/user-error.ts';
import { readText } from '../src/files/read-text.ts';
import type { HostFiles } from '../src/node/host/host-files.ts';
import { openHostFiles } from '../src/node/host/local-host-files.ts';
import { folderEntries, localContent } from '../src/node/payload/folder-entries.ts';
import { openSource } from '../src/node/payload/open-source.ts';
import {
  ARCHIVE_NAME,
  type Architecture,
  PAYLOAD_LIMITS,
  type PartFacts,
  type PayloadPin,
  type PayloadReader,
  SUMS_NAME,
} from '../src/node/payload/payload.ts';
import { checkPin, parsePin, readLocalPin } from '../src/node/payload/pin.ts';
import { formatReleaseRecord } from '../src/node/payload/release-record.ts';
import { parseSums } from '../src/node/payload/sums.ts';
import { surveyPayload } from '../src/node/payload/survey.ts';
import { verified } from '../src/node/payload/verified.ts';

/** A release of gVisor on this machine. */
export interface LocalPayload {
  /** An archive `.tar.zstd` or `.tar.bz2`, or a folder with its parts. */
  readonly path: string;
  /** Such as `20260914.0`. */
  readonly release: string;
  readonly architecture: Architecture;
  /** The sha512 of the archive, or a file that `sha512sum` wrote; absent: it lies beside. */
  readonly sum: string | undefined;
}

const BARE_SUM = /^[0-9A-Fa-f]{128}$/;
const BZIP2_NAME = 'gvisor.tar.bz2';
/** runsc starts itself anew as a user without any right. */
const EVERYBODY = 0o755;

/**
 * Makes the folder that images/node.Dockerfile is built from: the parts of a release, checked as the node agent checks
 * them, and the list of their sums.
 *
 * @throws {UserError}
 * @throws {NodeError} when the release is not what it should be
 */
export async function makePayloadContext(payload: LocalPayload, folder: string): Promise<void> {
  const unpacked = await mkdtemp(join(tmpdir(), 'gvisor-injector-payload-'));
  try {
    const { pin, what, read } = await openPayload(payload, unpacked);
    const parts = await surveyPayload(read(), { pin, what, maximumBytes: PAYLOAD_LIMITS.unpackedBytes });
    const place = join(folder, 'payload', payload.release);
    await writeParts({ read, parts, place, what });
    const list = join(place, SUMS_NAME);
    await writeFile(list, formatReleaseRecord(pin, parts));
    await chmod(list, 0o644);
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}

interface OpenedPayload {
  readonly pin: PayloadPin;
  readonly what: string;
  readonly read: PayloadReader;
}

async function openPayload(payload: LocalPayload, unpacked: string): Promise<OpenedPayload> {
  const files = openHostFiles('/');
  const path = resolve(payload.path);
  if (path.endsWith('.bz2')) return await openBzip2(files, { ...payload, path }, unpacked);
  const kind = (await files.status(await files.resolve(path)))?.kind;
  if (kind !== 'folder' && kind !== 'file') {
    throw new UserError('FileUnreadable', `There is no payload at '${path}'`, {
      hint: `Name ${ARCHIVE_NAME}, ${BZIP2_NAME} or a folder with a release with --payload`,
    });
  }
  const source = { kind: kind === 'folder' ? 'folder' : 'archive', files, path } as const;
  const { release, architecture, sum } = payload;
  const what = '--sha512';
  const pin =
    sum === undefined
      ? await readLocalPin(source, { release, architecture })
      : parsePin({ release, architecture, text: await sumText(sum), what });
  checkPin(source, pin);
  return { pin, ...(await openSource(files, { source, pin, limits: PAYLOAD_LIMITS, downloads: '' })) };
}

/** Node cannot read bzip2, so this is a matter of tar's. */
async function openBzip2(
  files: HostFiles,
  { path, release, architecture, sum }: LocalPayload,
  unpacked: string,
): Promise<OpenedPayload> {
  const what = `'${path}'`;
  const text = (await sumText(sum ?? `${path}.sha512`)).trim();
  const sha512 = BARE_SUM.test(text) ? text.toLowerCase() : (parseSums(text, 'the file of sums').get(BZIP2_NAME) ?? '');
  for await (const _ of verified(localContent(files, path), { sha512, what })) continue;
  try {
    await promisify(execFile)('tar', ['--extract', '--bzip2', '--file', path, '--directory', unpacked]);
  } catch (cause) {
    const reason = systemErrorCode(cause) === 'ENOENT' ? 'tar is not installed' : String(cause);
    const hint = `Install tar and bzip2, or take ${ARCHIVE_NAME}, which needs neither`;
    throw new UserError('FileUnreadable', `Cannot unpack ${what}: ${reason}`, { hint, cause });
  }
  // The archive's sum holds for all that is in it.
  const pin = { release, architecture, sums: new Map([[ARCHIVE_NAME, sha512]]) };
  return { pin, what, read: () => folderEntries({ files, path: unpacked }) };
}

async function sumText(sum: string): Promise<string> {
  if (BARE_SUM.test(sum)) return sum;
  return await readText(sum, {
    what: 'the file of sums',
    hint: 'Give 128 hexadecimal digits, or a file that sha512sum wrote, with --sha512',
  });
}

interface WriteOptions {
  readonly read: PayloadReader;
  readonly parts: readonly PartFacts[];
  readonly place: string;
  readonly what: string;
}

async function writeParts({ read, parts, place, what }: WriteOptions): Promise<void> {
  for await (const { name, content } of read()) {
    const { sha512 } = parts.find(part => part.name === name) ?? {};
    if (sha512 === undefined) continue;
    const file = join(place, name);
    await makeFolders(dirname(file));
    await writeFile(file, verified(content, { sha512, what }));
    await chmod(file, EVERYBODY);
  }
}

/** The image has the modes that there are here, whatever the umask is. */
async function makeFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.startsWith(first); made = dirname(made)) await chmod(made, EVERYBODY);
}
