import { type BasicCode, parseSignature, parseSingleType, WireError, type WireType } from './wire-signature.ts';
import {
  alignmentOf,
  BIG_NUMBERS,
  MAXIMUM_VALUE_DEPTH,
  type NumberFormat,
  NUMBERS,
  type WireValue,
} from './wire-value.ts';

/** The values of bytes that begin at a multiple of 8 and hold nothing else. @throws {WireError} */
export function decodeValues(signature: string, bytes: Uint8Array): readonly WireValue[] {
  const reader = new WireReader(bytes);
  const values = parseSignature(signature).map(type => reader.read(type, 0));
  reader.expectEnd();
  return values;
}

class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  expectEnd(): void {
    const left = this.#bytes.length - this.#offset;
    if (left > 0) throw new WireError(`${left} bytes after the last value`);
  }

  read(type: WireType, depth: number): WireValue {
    if (depth > MAXIMUM_VALUE_DEPTH) throw new WireError(`values nested deeper than ${MAXIMUM_VALUE_DEPTH}`);
    this.#skipPadding(alignmentOf(type));
    switch (type.kind) {
      case 'basic':
        return this.#readBasic(type.code);
      case 'variant':
        return this.#readVariant(depth);
      case 'array':
        return this.#readArray(type.element, depth);
      case 'struct':
        return type.fields.map(field => this.read(field, depth + 1));
      default:
        return type satisfies never;
    }
  }

  #readBasic(code: BasicCode): WireValue {
    switch (code) {
      case 'x':
      case 't':
        return this.#readNumber(BIG_NUMBERS[code]);
      case 's':
      case 'o':
        return this.#readText(this.#readNumber(NUMBERS.u));
      case 'g':
        return this.#readText(this.#readNumber(NUMBERS.y));
      case 'b':
        return this.#readBoolean();
      default:
        return this.#readNumber(NUMBERS[code]);
    }
  }

  #readNumber<Value extends number | bigint>({ size, get }: NumberFormat<Value>): Value {
    const at = this.#advance(size);
    return get(this.#view, at);
  }

  #readBoolean(): boolean {
    const number = this.#readNumber(NUMBERS.u);
    if (number > 1) throw new WireError(`boolean of value ${number}`);
    return number === 1;
  }

  #readText(length: number): string {
    const at = this.#advance(length + 1);
    const bytes = this.#bytes.subarray(at, at + length);
    if (bytes.includes(0) || this.#bytes[at + length] !== 0)
      throw new WireError('text with a NUL in it, or without its end');
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new WireError('text that is not UTF-8');
    }
  }

  #readVariant(depth: number): WireValue {
    const signature = this.#readText(this.#readNumber(NUMBERS.y));
    return { signature, value: this.read(parseSingleType(signature), depth + 1) };
  }

  #readArray(element: WireType, depth: number): WireValue {
    const length = this.#readNumber(NUMBERS.u);
    this.#skipPadding(alignmentOf(element));
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new WireError(`array of ${length} bytes, beyond the end`);
    const items: WireValue[] = [];
    while (this.#offset < end) items.push(this.read(element, depth + 1));
    if (this.#offset !== end) throw new WireError(`array of ${length} bytes, which ends within an element`);
    return items;
  }

  #skipPadding(alignment: number): void {
    while (this.#offset % alignment !== 0) {
      if (this.#bytes[this.#advance(1)] !== 0) throw new WireError('padding that is not zero');
    }
  }

  /** Where the next bytes are; they are there. */
  #advance(count: number): number {
    const at = this.#offset;
    if (at + count > this.#bytes.length) throw new WireError(`${count} bytes at ${at}, beyond the end`);
    this.#offset = at + count;
    return at;
  }
}
