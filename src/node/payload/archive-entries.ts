import { pipeline } from 'node:stream';
import { constants, createZstdDecompress } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry, type TarHeader } from 'modern-tar';
import { systemErrorCode } from '../../errors/user-error.ts';
import { printable } from '../../policy/printable.ts';
import { NodeError } from '../node-error.ts';
import { isPartName, SIDECAR_FOLDER } from './parts.ts';
import type { PayloadEntry } from './payload.ts';
import { payloadError } from './payload-error.ts';

/** 128 MiB, what zstd itself needs at its highest level; a frame may ask for 2 GiB. */
const MAXIMUM_WINDOW_LOG = 27;
const LONGEST_MESSAGE = 200;

/** An archive that is read. */
export interface ArchiveOptions {
  /** Its name for a message. */
  readonly what: string;
  readonly maximumBytes: number;
}

/**
 * The entries of a `.tar.zstd`, in their order. Nothing is kept: the archive streams, and so does each content.
 *
 * @throws {NodeError} PayloadTruncated, PayloadInvalid; on the way or at the end
 */
export async function* archiveEntries(
  archive: AsyncIterable<Uint8Array>,
  options: ArchiveOptions,
): AsyncIterable<PayloadEntry> {
  try {
    const tar = ReadableStream.from(decompress(archive, options)).pipeThrough(createTarDecoder({ strict: true }));
    for await (const { header, body } of tar) {
      const name = header.name.replace(/^(?:\.\/)+/, '');
      const refusal = judgeHeader(header, name);
      if (refusal === undefined && header.type === 'directory') await body.cancel();
      else yield { name, refusal, content: contentOf(body, options) };
    }
  } catch (error) {
    throw archiveFault(error, options);
  }
}

/** What is wrong with an entry of an archive, as in `is a symbolic link`; undefined for a folder or a part of a release. */
export function judgeHeader({ type }: Pick<TarHeader, 'type'>, name: string): string | undefined {
  if (name.startsWith('/')) return 'has an absolute path';
  if (name.split('/').includes('..')) return 'leads out of the archive';
  switch (type) {
    case 'file':
    case undefined:
      return isPartName(name) ? undefined : 'is no part of a release';
    case 'directory':
      return ['', '.', `${SIDECAR_FOLDER}/`, SIDECAR_FOLDER].includes(name) ? undefined : 'is no folder of a release';
    case 'symlink':
      return 'is a symbolic link';
    case 'link':
      return 'is a hard link';
    default:
      return `is of the kind ${type}`;
  }
}

async function* decompress(
  archive: AsyncIterable<Uint8Array>,
  { what, maximumBytes }: ArchiveOptions,
): AsyncIterable<Uint8Array> {
  const decompressor = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MAXIMUM_WINDOW_LOG } });
  let given = 0;
  const counted = async function* (): AsyncIterable<Uint8Array> {
    for await (const piece of archive) {
      given += piece.length;
      yield piece;
    }
  };
  // An error of the archive ends the decompressor with the same error, and so the loop below.
  pipeline(counted, decompressor, () => undefined);
  let bytes = 0;
  const pieces: AsyncIterable<Uint8Array> = decompressor;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > maximumBytes)
      throw payloadError('PayloadInvalid', `${what} unpacks to more than ${maximumBytes} bytes`);
    yield piece;
  }
  // Node ends with the first frame, and says nothing of what follows it.
  if (decompressor.bytesWritten !== given) {
    throw payloadError('PayloadInvalid', `${what} goes on after the end of its compressed data`);
  }
}

async function* contentOf(body: ParsedTarEntry['body'], options: ArchiveOptions): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw archiveFault(error, options);
  }
}

function archiveFault(error: unknown, { what }: ArchiveOptions): Error {
  if (error instanceof NodeError) return error;
  const said = error instanceof Error ? error.message : String(error);
  const isTruncated = systemErrorCode(error) === 'Z_BUF_ERROR' || said === 'Tar archive is truncated.';
  if (isTruncated) return payloadError('PayloadTruncated', `${what} ends too early`, { cause: error });
  const sentence = `${what} is no sound .tar.zstd: ${printable(said, LONGEST_MESSAGE).replace(/\.$/, '')}`;
  return payloadError('PayloadInvalid', sentence, { cause: error });
}
