import { type BasicCode, parseSignature, parseSingleType, type WireType } from './wire-signature.ts';
import {
  alignmentOf,
  BIG_NUMBERS,
  isList,
  isVariant,
  type NumberFormat,
  NUMBERS,
  type WireValue,
} from './wire-value.ts';

/**
 * The bytes of values, as they are at an offset that is a multiple of 8.
 *
 * @throws {TypeError | RangeError} for a value that is not of its type: a mistake of the caller's
 */
export function encodeValues(signature: string, values: readonly WireValue[]): Uint8Array {
  const types = parseSignature(signature);
  const writer = new WireWriter();
  writer.writeFields(types, values);
  return writer.bytes();
}

class WireWriter {
  readonly #bytes: number[] = [];
  readonly #scratch = new DataView(new ArrayBuffer(8));

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  writeFields(types: readonly WireType[], value: WireValue | undefined): void {
    if (!isList(value) || value.length !== types.length)
      throw new TypeError(`not ${types.length} values: ${kindOf(value)}`);
    for (const [index, type] of types.entries()) this.#write(type, value[index]);
  }

  #write(type: WireType, value: WireValue | undefined): void {
    this.#pad(alignmentOf(type));
    switch (type.kind) {
      case 'basic':
        return this.#writeBasic(type.code, value);
      case 'variant':
        return this.#writeVariant(value);
      case 'array':
        return this.#writeArray(type.element, value);
      case 'struct':
        return this.writeFields(type.fields, value);
      default:
        return type satisfies never;
    }
  }

  #writeBasic(code: BasicCode, value: WireValue | undefined): void {
    switch (code) {
      case 'x':
      case 't':
        if (typeof value !== 'bigint') break;
        return this.#writeNumber(BIG_NUMBERS[code], value);
      case 's':
      case 'o':
      case 'g':
        if (typeof value !== 'string') break;
        return this.#writeText(code, value);
      case 'b':
        if (typeof value !== 'boolean') break;
        return this.#writeNumber(NUMBERS.u, value ? 1 : 0);
      default:
        if (typeof value !== 'number') break;
        return this.#writeNumber(NUMBERS[code], value);
    }
    throw new TypeError(`no value of type '${code}': ${kindOf(value)}`);
  }

  #writeNumber<Value extends number | bigint>(format: NumberFormat<Value>, value: Value): void {
    format.set(this.#scratch, value);
    // The DataView has cut off what does not fit.
    const written = format.get(this.#scratch, 0);
    if (written !== value && !Number.isNaN(value)) throw new RangeError(`${value} does not fit its type`);
    this.#bytes.push(...new Uint8Array(this.#scratch.buffer, 0, format.size));
  }

  #writeText(code: 's' | 'o' | 'g', text: string): void {
    if (!text.isWellFormed() || text.includes('\0')) throw new TypeError('text that D-Bus cannot carry');
    const bytes = Buffer.from(text);
    this.#writeNumber(code === 'g' ? NUMBERS.y : NUMBERS.u, bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    this.#bytes.push(0);
  }

  #writeVariant(value: WireValue | undefined): void {
    if (!isVariant(value)) throw new TypeError(`no variant: ${kindOf(value)}`);
    this.#writeText('g', value.signature);
    this.#write(parseSingleType(value.signature), value.value);
  }

  /** The length counts neither itself nor the padding before the first element. */
  #writeArray(element: WireType, value: WireValue | undefined): void {
    if (!isList(value)) throw new TypeError(`no list: ${kindOf(value)}`);
    const lengthAt = this.#bytes.length;
    this.#writeNumber(NUMBERS.u, 0);
    this.#pad(alignmentOf(element));
    const start = this.#bytes.length;
    for (const item of value) this.#write(element, item);
    NUMBERS.u.set(this.#scratch, this.#bytes.length - start);
    this.#bytes.splice(lengthAt, NUMBERS.u.size, ...new Uint8Array(this.#scratch.buffer, 0, NUMBERS.u.size));
  }

  #pad(alignment: number): void {
    while (this.#bytes.length % alignment !== 0) this.#bytes.push(0);
  }
}

/** Never the value itself: it ends in messages. */
function kindOf(value: WireValue | undefined): string {
  return isList(value) ? `a list of ${value.length}` : typeof value;
}
