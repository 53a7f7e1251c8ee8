import type { BasicCode, WireType } from './wire-signature.ts';

/**
 * A value of D-Bus: numbers for y, n, q, i, u and d, bigints for x and t, text for s, o and g, lists for arrays, structs
 * and dict entries.
 */
export type WireValue = number | bigint | boolean | string | readonly WireValue[] | Variant;

/** A value that carries its own type. */
export interface Variant {
  /** Of one complete type. */
  readonly signature: string;
  readonly value: WireValue;
}

/** True for an array, a struct or a dict entry. */
export function isList(value: WireValue | undefined): value is readonly WireValue[] {
  return Array.isArray(value);
}

/** True for a variant. */
export function isVariant(value: WireValue | undefined): value is Variant {
  return typeof value === 'object' && !isList(value);
}

/** A number of a fixed size, and how a DataView has it. */
export interface NumberFormat<Value extends number | bigint> {
  /** Bytes, also those that its offset is a multiple of. */
  readonly size: number;
  readonly get: (view: DataView, at: number) => Value;
  readonly set: (view: DataView, value: Value) => void;
}

/** The numbers of D-Bus that are numbers here. */
export const NUMBERS = {
  y: { size: 1, get: (view, at) => view.getUint8(at), set: (view, value) => view.setUint8(0, value) },
  n: { size: 2, get: (view, at) => view.getInt16(at, true), set: (view, value) => view.setInt16(0, value, true) },
  q: { size: 2, get: (view, at) => view.getUint16(at, true), set: (view, value) => view.setUint16(0, value, true) },
  i: { size: 4, get: (view, at) => view.getInt32(at, true), set: (view, value) => view.setInt32(0, value, true) },
  u: { size: 4, get: (view, at) => view.getUint32(at, true), set: (view, value) => view.setUint32(0, value, true) },
  d: { size: 8, get: (view, at) => view.getFloat64(at, true), set: (view, value) => view.setFloat64(0, value, true) },
} as const satisfies Partial<Record<BasicCode, NumberFormat<number>>>;

/** The numbers of D-Bus that are bigints here. */
export const BIG_NUMBERS = {
  x: { size: 8, get: (view, at) => view.getBigInt64(at, true), set: (view, value) => view.setBigInt64(0, value, true) },
  t: {
    size: 8,
    get: (view, at) => view.getBigUint64(at, true),
    set: (view, value) => view.setBigUint64(0, value, true),
  },
} as const satisfies Partial<Record<BasicCode, NumberFormat<bigint>>>;

/** Structs, dict entries and so messages begin at multiples of it. */
export const STRUCT_ALIGNMENT = 8;
/** Types within each other, through variants too, as the specification has it. */
export const MAXIMUM_VALUE_DEPTH = 64;

/** What the offset of a value is a multiple of. */
export function alignmentOf(type: WireType): number {
  switch (type.kind) {
    case 'variant':
      return 1;
    case 'array':
      return NUMBERS.u.size;
    case 'struct':
      return STRUCT_ALIGNMENT;
    case 'basic':
      return alignmentOfBasic(type.code);
    default:
      return type satisfies never;
  }
}

function alignmentOfBasic(code: BasicCode): number {
  switch (code) {
    case 'x':
    case 't':
      return BIG_NUMBERS[code].size;
    case 's':
    case 'o':
    case 'b':
      return NUMBERS.u.size;
    case 'g':
      return NUMBERS.y.size;
    default:
      return NUMBERS[code].size;
  }
}
