import { createHash } from 'node:crypto';
import { HEADER_BYTES, judgeProgram } from './elf.ts';
import { missingParts } from './parts.ts';
import { ARCHIVE_NAME, type PartFacts, type PayloadEntry, type PayloadPin } from './payload.ts';
import { listNames, payloadError } from './payload-error.ts';
import { printable } from '../../policy/printable.ts';

const LONGEST_NAME = 120;
/** Faults that one message names at most. */
const NAMED_FAULTS = 5;

/** What a payload is judged by. */
export interface SurveyOptions {
  readonly pin: PayloadPin;
  /** The payload's name for a message. */
  readonly what: string;
  /** Of all parts together. */
  readonly maximumBytes: number;
}

/**
 * Reads a whole payload and judges it, before any of it is written: no entry but the parts of a release, each once and
 * a program of the right machine, all of them there, each with the sum that is pinned for it.
 *
 * @returns the parts, in the order of their names
 * @throws {NodeError} with the first kind of fault that there is
 */
export async function surveyPayload(
  entries: AsyncIterable<PayloadEntry>,
  { pin, what, maximumBytes }: SurveyOptions,
): Promise<readonly PartFacts[]> {
  const parts = new Map<string, PartFacts>();
  const unwanted: string[] = [];
  const faults: Fault[] = [];
  for await (const entry of entries) {
    const budget = maximumBytes - totalOf(parts.values());
    const { head, ...part } = await readPart(entry, { budget, what });
    if (entry.refusal !== undefined) {
      unwanted.push(`'${printable(entry.name, LONGEST_NAME)}' ${entry.refusal}`);
      continue;
    }
    if (parts.has(entry.name)) unwanted.push(`'${entry.name}' is there twice`);
    faults.push(...judgePart(part, head, pin));
    parts.set(entry.name, part);
  }
  if (unwanted.length > 0)
    throw payloadError('PayloadInvalid', `${what} holds what it should not: ${listFaults(unwanted)}`);
  refuseMissing([...parts.keys()], pin, what);
  const [first] = faults;
  if (first !== undefined)
    throw payloadError(
      first.reason,
      `${what}: ${listFaults(faults.filter(({ reason }) => reason === first.reason).map(({ sentence }) => sentence))}`,
    );
  return [...parts.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** Bytes of all parts together. */
export function totalOf(parts: Iterable<PartFacts>): number {
  return [...parts].reduce((sum, { size }) => sum + size, 0);
}

interface Fault {
  readonly reason: 'PayloadInvalid' | 'PayloadWrongArchitecture' | 'PayloadChecksumMismatch';
  readonly sentence: string;
}

async function readPart(
  { name, content }: PayloadEntry,
  { budget, what }: { readonly budget: number; readonly what: string },
): Promise<PartFacts & { readonly head: Uint8Array }> {
  const hash = createHash('sha512');
  let head: Uint8Array = Buffer.alloc(0);
  let size = 0;
  for await (const piece of content) {
    hash.update(piece);
    if (head.length < HEADER_BYTES) head = Buffer.concat([head, piece.subarray(0, HEADER_BYTES)]);
    size += piece.length;
    if (size > budget) throw payloadError('PayloadInvalid', `${what} is larger than anything that gVisor releases`);
  }
  return { name, size, sha512: hash.digest('hex'), head };
}

function judgePart(
  { name, sha512 }: PartFacts,
  head: Uint8Array,
  { architecture, sums }: PayloadPin,
): readonly Fault[] {
  const pinned = sums.get(name);
  if (pinned !== undefined && pinned !== sha512) {
    return [{ reason: 'PayloadChecksumMismatch', sentence: `'${name}' has not the sha512 that is pinned` }];
  }
  if (pinned === undefined && !sums.has(ARCHIVE_NAME)) {
    return [{ reason: 'PayloadChecksumMismatch', sentence: `'${name}' has no sha512 that is pinned` }];
  }
  const fault = judgeProgram(head, architecture);
  return fault === undefined ? [] : [{ reason: fault.reason, sentence: `'${name}' ${fault.what}` }];
}

function refuseMissing(names: readonly string[], { sums }: PayloadPin, what: string): void {
  const pinned = [...sums.keys()].filter(name => name !== ARCHIVE_NAME && !names.includes(name));
  const missing = new Set([...missingParts(names), ...pinned]);
  if (missing.size > 0) throw payloadError('PayloadIncomplete', `${what} lacks ${listNames([...missing])}`);
}

function listFaults(faults: readonly string[]): string {
  const more = faults.length - NAMED_FAULTS;
  return `${faults.slice(0, NAMED_FAULTS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
