/**
 * The wire format of D-Bus, as far as systemd's interface needs it: every type but file descriptors, little-endian.
 * Source: D-Bus Specification 0.43, "Type System" and "Marshaling (Wire Format)".
 *
 * What is malformed throws a {@link WireError} and is never guessed at.
 */

/** Bytes that are not D-Bus, or not what we accept of it. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** Codes of the types that contain no others. */
export const BASIC_CODES = ['y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g'] as const;

/** One of {@link BASIC_CODES}. */
export type BasicCode = (typeof BASIC_CODES)[number];

/** One complete type of a signature. */
export type WireType =
  | { readonly kind: 'basic'; readonly code: BasicCode }
  | { readonly kind: 'variant' }
  | { readonly kind: 'array'; readonly element: WireType }
  /** A struct, or a dict entry, which is one of a basic key and a value inside an array. */
  | { readonly kind: 'struct'; readonly fields: readonly WireType[] };

const MAXIMUM_LENGTH = 255;
/** Of arrays and structs within each other; the specification has 32 of each. */
const MAXIMUM_DEPTH = 32;

/** The types of a signature such as `sa(sv)`. @throws {WireError} */
export function parseSignature(signature: string): readonly WireType[] {
  if (signature.length > MAXIMUM_LENGTH) throw new WireError(`signature of ${signature.length} characters`);
  const types: WireType[] = [];
  for (let at = 0; at < signature.length; ) {
    const { type, end } = parseType(signature, at, 0);
    types.push(type);
    at = end;
  }
  return types;
}

/** The one type of a signature. @throws {WireError} when it has none or several */
export function parseSingleType(signature: string): WireType {
  const [type, ...others] = parseSignature(signature);
  if (type === undefined || others.length > 0) throw new WireError(`signature '${signature}' is not one complete type`);
  return type;
}

/** A type, and where the next one begins. */
interface ParsedType {
  readonly type: WireType;
  readonly end: number;
}

function parseType(signature: string, at: number, depth: number): ParsedType {
  if (depth > MAXIMUM_DEPTH) throw new WireError(`signature nested deeper than ${MAXIMUM_DEPTH}`);
  const character = signature[at];
  const code = BASIC_CODES.find(basic => basic === character);
  if (code !== undefined) return { type: { kind: 'basic', code }, end: at + 1 };
  if (character === 'v') return { type: { kind: 'variant' }, end: at + 1 };
  if (character === '(') return parseStruct(signature, at + 1, depth + 1);
  if (character === 'a') return parseArray(signature, at + 1, depth + 1);
  throw new WireError(`signature '${signature}' has ${character === undefined ? 'no end' : `'${character}'`} at ${at}`);
}

function parseStruct(signature: string, start: number, depth: number): ParsedType {
  const fields: WireType[] = [];
  let at = start;
  while (signature[at] !== ')') {
    const { type, end } = parseType(signature, at, depth);
    fields.push(type);
    at = end;
  }
  if (fields.length === 0) throw new WireError(`signature '${signature}' has an empty struct`);
  return { type: { kind: 'struct', fields }, end: at + 1 };
}

function parseArray(signature: string, at: number, depth: number): ParsedType {
  const { type: element, end } =
    signature[at] === '{' ? parseEntry(signature, at + 1, depth + 1) : parseType(signature, at, depth);
  return { type: { kind: 'array', element }, end };
}

function parseEntry(signature: string, at: number, depth: number): ParsedType {
  const key = parseType(signature, at, depth);
  const value = parseType(signature, key.end, depth);
  if (key.type.kind !== 'basic' || signature[value.end] !== '}') {
    throw new WireError(`signature '${signature}' has a dict entry that is not a basic key and one value`);
  }
  return { type: { kind: 'struct', fields: [key.type, value.type] }, end: value.end + 1 };
}
