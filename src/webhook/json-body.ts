import { isUtf8 } from 'node:buffer';
import { isJsonObject } from '../policy/json.ts';
import { findDuplicateKey } from './duplicate-key.ts';
import type { Limits } from './limits.ts';
import { endOfString, QUOTE } from './json-string.ts';
import { Refusal } from './refusal.ts';

const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

/**
 * A JSON body as a value. `__proto__` and `constructor` are ordinary keys: JSON.parse makes own properties of them, and
 * nothing of a request is ever merged into another object (fastify's own parser answers 400, which under
 * `failurePolicy: Ignore` would be a way round the sandbox).
 *
 * A duplicate key is refused, since two parsers may disagree on which value counts. Searching for one costs more than
 * parsing, so the colons of the text are counted against the keys of the value first.
 *
 * @throws {Refusal} BodyEmpty, TextInvalid, NestedTooDeeply, BodyTooLarge, JsonInvalid, BodyTruncated or DuplicateKey
 */
export function parseJsonBody(body: Buffer, limits: Pick<Limits, 'depth' | 'values'>): unknown {
  if (body.length === 0) throw new Refusal('BodyEmpty', 'the body is empty; send an AdmissionReview as JSON');
  if (!isUtf8(body)) throw new Refusal('TextInvalid', 'the body is not UTF-8');
  const { colons, depth, values } = measure(body);
  if (depth > limits.depth) {
    throw new Refusal('NestedTooDeeply', `the body nests ${depth} levels deep; ${limits.depth} are accepted`);
  }
  if (values > limits.values) {
    throw new Refusal('BodyTooLarge', `the body holds ${values} members and items; ${limits.values} are accepted`);
  }
  const value = parse(body.toString('utf8'));
  if (countKeys(value) !== colons) {
    const duplicate = findDuplicateKey(body);
    throw new Refusal('DuplicateKey', `an object has the key ${duplicate.key} twice, at byte ${duplicate.offset}`);
  }
  return value;
}

/** Colons outside strings, one for each member of an object; the deepest nesting; an upper bound of members and items. */
function measure(body: Buffer): { readonly colons: number; readonly depth: number; readonly values: number } {
  let colons = 0;
  let values = 0;
  let level = 0;
  let depth = 0;
  const end = body.length;
  for (let index = 0; index < end; index++) {
    switch (body[index]) {
      case QUOTE:
        index = endOfString(body, index);
        break;
      case COMMA:
        values++;
        break;
      case COLON:
        colons++;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        values++;
        if (++level > depth) depth = level;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        level--;
        break;
      default:
    }
  }
  return { colons, depth, values };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refusalOf(error.message, text.length);
  }
}

/** V8 quotes the text around the fault, which may hold anything; only the position is passed on, where it gives one. */
function refusalOf(message: string, length: number): Refusal {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (message === 'Unexpected end of JSON input' || (position !== undefined && Number(position) >= length)) {
    return new Refusal('BodyTruncated', `the JSON ends too early, after ${length} characters`);
  }
  const place = position === undefined ? '' : ` at position ${position}`;
  return new Refusal('JsonInvalid', `the body is not JSON: unexpected character${place}`);
}

/** Members of all objects in the value. Recursion is bounded by the depth that was measured. */
function countKeys(value: unknown): number {
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') keys += countKeys(item);
  } else if (isJsonObject(value)) {
    for (const key in value) {
      keys++;
      const item = value[key];
      if (typeof item === 'object') keys += countKeys(item);
    }
  }
  return keys;
}
