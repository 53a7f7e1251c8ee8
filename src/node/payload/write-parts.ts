import type { HostFiles } from '../host/host-files.ts';
import { isSidecar, SIDECAR_FOLDER } from './parts.ts';
import type { PartFacts, PayloadReader } from './payload.ts';
import { listNames, payloadError } from './payload-error.ts';
import { verified } from './verified.ts';
import { PROGRAM_ATTRIBUTES } from './verify-payload.ts';

/** What is written, and where to. */
export interface WriteOptions {
  readonly read: PayloadReader;
  /** What was found when the payload was judged. */
  readonly parts: readonly PartFacts[];
  /** A folder of the host that is there and empty. */
  readonly folder: string;
  /** The payload's name for a message. */
  readonly what: string;
}

/**
 * Writes parts of a payload to the host and flushes each; what else the payload holds is passed over. A part whose
 * bytes are not those that were judged is not kept.
 *
 * @throws {NodeError} PayloadChecksumMismatch, PayloadIncomplete
 */
export async function writeParts(files: HostFiles, { read, parts, folder, what }: WriteOptions): Promise<void> {
  const waiting = new Map(parts.map(part => [part.name, part]));
  if (parts.some(({ name }) => isSidecar(name))) {
    await files.makeFolder(`${folder}/${SIDECAR_FOLDER}`, PROGRAM_ATTRIBUTES.mode);
  }
  for await (const { name, content } of read()) {
    const part = waiting.get(name);
    if (part === undefined) {
      for await (const _ of content) continue;
      continue;
    }
    waiting.delete(name);
    const checked = verified(content, { sha512: part.sha512, what: `'${name}' of ${what}` });
    await files.createFile(`${folder}/${name}`, checked, PROGRAM_ATTRIBUTES);
  }
  if (waiting.size > 0) {
    throw payloadError('PayloadIncomplete', `${what} lost ${listNames([...waiting.keys()])} while it was read`);
  }
}
