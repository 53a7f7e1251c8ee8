import { printable } from '../../policy/printable.ts';
import { NodeError, type NodeErrorCode } from '../node-error.ts';
import type { NodeReason } from '../reason.ts';

const LONGEST_NAME = 120;
/** Names that one message lists at most. */
const LISTED_NAMES = 8;

/** How a fault of a payload ends: `refused` by what was found in it, `failed` on the way to it. */
const CODES = {
  PayloadUnavailable: 'NodeFailed',
  PayloadTruncated: 'NodeFailed',
  PayloadChecksumMismatch: 'NodeRefused',
  PayloadInvalid: 'NodeRefused',
  PayloadWrongArchitecture: 'NodeRefused',
  PayloadIncomplete: 'NodeRefused',
} as const satisfies Partial<Record<NodeReason, NodeErrorCode>>;

/** A reason that a payload itself can give. */
export type PayloadReason = keyof typeof CODES;

const HINTS = {
  PayloadUnavailable: 'Look whether the source holds this release, and whether this node reaches it',
  PayloadTruncated: 'Try again; if it stays, the source holds half a file',
  PayloadChecksumMismatch:
    'Compare the pin with what gVisor published for this release; if the pin is right, do not trust the source',
  PayloadInvalid: 'Take the payload as gVisor released it',
  PayloadWrongArchitecture: 'Name the payload of this architecture',
  PayloadIncomplete: 'Take every file of the release: runsc does not work without those beside it',
} as const satisfies Record<PayloadReason, string>;

/** A fault of a payload. Nothing of it is on the host then. */
export function payloadError(
  reason: PayloadReason,
  sentence: string,
  { hint = HINTS[reason], cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): NodeError {
  return new NodeError(CODES[reason], { reason, sentence, hint }, { cause });
}

/** Names for a message: quoted, printable, the first few. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, LISTED_NAMES).map(name => `'${printable(name, LONGEST_NAME)}'`);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
