import { decodeValues } from './decode-values.ts';
import { encodeValues } from './encode-values.ts';
import { WireError } from './wire-signature.ts';
import { isList, isVariant, NUMBERS, STRUCT_ALIGNMENT, type WireValue } from './wire-value.ts';

/** What a message is for. */
export type MessageKind = 'call' | 'reply' | 'error' | 'signal';

/** A message that was received, its body not decoded yet. */
export interface Message {
  /** Undefined for a kind that we do not know. */
  readonly kind: MessageKind | undefined;
  /** Counted by the sender, from 1. */
  readonly serial: number;
  readonly path: string | undefined;
  readonly interface: string | undefined;
  readonly member: string | undefined;
  readonly errorName: string | undefined;
  /** The serial of the call that this answers. */
  readonly replySerial: number | undefined;
  /** Of the body; empty when there is none. */
  readonly signature: string;
  readonly body: Uint8Array;
}

/** A message to be sent. */
export interface OutgoingMessage extends Partial<Omit<Message, 'kind' | 'serial' | 'body'>> {
  readonly kind: MessageKind;
  readonly serial: number;
  /** Of the signature; nothing by default. */
  readonly values?: readonly WireValue[];
}

/** systemd's answers to us are a few kilobytes; D-Bus itself would let a message be 128 MiB. */
export const MAXIMUM_MESSAGE_BYTES = 1024 * 1024;

const KINDS = ['call', 'reply', 'error', 'signal'] as const satisfies readonly MessageKind[];
const LITTLE_ENDIAN = 0x6c;
const PROTOCOL_VERSION = 1;
/** Endianness, kind, flags, version, length of the body, serial, and the fields, each a code and a variant. */
const HEADER_SIGNATURE = 'yyyyuua(yv)';
/** Of the header without its fields, but with their length. */
const FIXED_BYTES = 16;
const BODY_LENGTH_AT = 4;
const FIELDS_LENGTH_AT = 12;

/** Codes of the header fields that we know. */
const FIELDS = { path: 1, interface: 2, member: 3, errorName: 4, replySerial: 5, signature: 8 } as const;

/** The bytes of a message. @throws {TypeError | RangeError} for values that are not of their signature */
export function encodeMessage(message: OutgoingMessage): Uint8Array {
  const { kind, serial, signature = '', values = [] } = message;
  const body = encodeValues(signature, values);
  const fixed = [LITTLE_ENDIAN, KINDS.indexOf(kind) + 1, 0, PROTOCOL_VERSION, body.length, serial];
  const header = encodeValues(HEADER_SIGNATURE, [...fixed, headerFields(message)]);
  return Buffer.concat([header, new Uint8Array(padded(header.length) - header.length), body]);
}

function headerFields(message: OutgoingMessage): readonly WireValue[] {
  const signature = message.signature === '' ? undefined : message.signature;
  const fields = [
    [FIELDS.path, 'o', message.path],
    [FIELDS.interface, 's', message.interface],
    [FIELDS.member, 's', message.member],
    [FIELDS.errorName, 's', message.errorName],
    [FIELDS.replySerial, 'u', message.replySerial],
    [FIELDS.signature, 'g', signature],
  ] as const;
  return fields.flatMap(([code, type, value]) => (value === undefined ? [] : [[code, { signature: type, value }]]));
}

/**
 * How long the message is that these bytes begin with; undefined while they are too few to say.
 *
 * @throws {WireError} when no message of ours can begin so
 */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const [endianness, kind, , version] = bytes;
  if (endianness !== LITTLE_ENDIAN || kind === 0 || version !== PROTOCOL_VERSION) {
    throw new WireError(`a message that begins with ${Buffer.from(bytes.subarray(0, BODY_LENGTH_AT)).toString('hex')}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const bodyLength = NUMBERS.u.get(view, BODY_LENGTH_AT);
  const length = padded(FIXED_BYTES + NUMBERS.u.get(view, FIELDS_LENGTH_AT)) + bodyLength;
  if (length > MAXIMUM_MESSAGE_BYTES) throw new WireError(`a message of ${length} bytes`);
  return length;
}

/** The message that these bytes are, whole. @throws {WireError} */
export function decodeMessage(bytes: Uint8Array): Message {
  const fieldsLength = NUMBERS.u.get(new DataView(bytes.buffer, bytes.byteOffset), FIELDS_LENGTH_AT);
  const headerEnd = FIXED_BYTES + fieldsLength;
  const [, kind, , , , serial, list] = decodeValues(HEADER_SIGNATURE, bytes.subarray(0, headerEnd));
  const fields = fieldValues(list);
  return {
    kind: KINDS[Number(kind) - 1],
    serial: Number(serial),
    path: text(fields.get(FIELDS.path)),
    interface: text(fields.get(FIELDS.interface)),
    member: text(fields.get(FIELDS.member)),
    errorName: text(fields.get(FIELDS.errorName)),
    replySerial: number(fields.get(FIELDS.replySerial)),
    signature: text(fields.get(FIELDS.signature)) ?? '',
    body: bytes.subarray(padded(headerEnd)),
  };
}

/** The values of a message's body. @throws {WireError} */
export function messageValues({ signature, body }: Message): readonly WireValue[] {
  return decodeValues(signature, body);
}

function fieldValues(list: WireValue | undefined): ReadonlyMap<number, WireValue> {
  const fields = new Map<number, WireValue>();
  for (const field of isList(list) ? list : []) {
    const [code, variant] = isList(field) ? field : [];
    if (typeof code === 'number' && isVariant(variant)) fields.set(code, variant.value);
  }
  return fields;
}

function text(value: WireValue | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new WireError('a header field that is not text');
}

function number(value: WireValue | undefined): number | undefined {
  if (value === undefined || typeof value === 'number') return value;
  throw new WireError('a header field that is not a number');
}

function padded(length: number): number {
  return Math.ceil(length / STRUCT_ALIGNMENT) * STRUCT_ALIGNMENT;
}
