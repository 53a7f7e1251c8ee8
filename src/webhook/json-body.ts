import { isUtf8 } from 'node:buffer';
import { isJsonObject } from '../policy/json.ts';
import { findDuplicateKey } from './duplicate-key.ts';
import type { Limits } from './limits.ts';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  endOfString,
} from './json-bytes.ts';
import { Refusal } from './refusal.ts';

/** Who set which field of a Pod: a third of its bytes and half the time of parsing it, and nothing here reads it. */
const MANAGED_FIELDS = Buffer.from('"managedFields":[');

/**
 * A JSON body as a value. `__proto__` and `constructor` are ordinary keys: JSON.parse makes own properties of them, and
 * nothing of a request is ever merged into another object (fastify's own parser answers 400, which under
 * `failurePolicy: Ignore` would be a way round the sandbox).
 *
 * A duplicate key is refused, since two parsers may disagree on which value counts. Searching for one costs more than
 * parsing, so the colons of the text are counted against the keys of the value first.
 *
 * The first `managedFields` comes out empty: it is not parsed, so neither its keys nor its syntax are looked at, only its
 * depth. Nothing is decided by it, and an API server writes it itself.
 *
 * @throws {Refusal} BodyEmpty, TextInvalid, NestedTooDeeply, BodyTooLarge, JsonInvalid, BodyTruncated or DuplicateKey
 */
export function parseJsonBody(body: Buffer, limits: Pick<Limits, 'depth' | 'values'>): unknown {
  if (body.length === 0) throw new Refusal('BodyEmpty', 'the body is empty; send an AdmissionReview as JSON');
  if (!isUtf8(body)) throw new Refusal('TextInvalid', 'the body is not UTF-8');
  const { colons, depth, values, unread } = measure(body, managedFieldsStart(body));
  if (depth > limits.depth) {
    throw new Refusal('NestedTooDeeply', `the body nests ${depth} levels deep; ${limits.depth} are accepted`);
  }
  if (values > limits.values) {
    throw new Refusal('BodyTooLarge', `the body holds ${values} members and items; ${limits.values} are accepted`);
  }
  const value = unread === undefined ? parse(body.toString('utf8')) : parseWithout(body, unread);
  if (countKeys(value) !== colons) {
    const duplicate = findDuplicateKey(body);
    throw new Refusal('DuplicateKey', `an object has the key ${duplicate.key} twice, at byte ${duplicate.offset}`);
  }
  return value;
}

/** Index of the bracket that begins the first `managedFields`; -1 when there is none. An escaped quote before it belongs to another key. */
function managedFieldsStart(body: Buffer): number {
  const start = body.indexOf(MANAGED_FIELDS);
  return start < 1 || body[start - 1] === BACKSLASH ? -1 : start + MANAGED_FIELDS.length - 1;
}

/** What is known of a JSON text before it is parsed; what lies in `unread` is in none of the counts. */
interface Measure {
  /** Colons outside strings, one for each member of an object. */
  readonly colons: number;
  /** The deepest nesting, that of `unread` too. */
  readonly depth: number;
  /** An upper bound of members and items. */
  readonly values: number;
  /** An array that is not to be parsed, from bracket to bracket. */
  readonly unread: Range | undefined;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** @param unreadStart index of the bracket that begins the array which is not to be parsed */
function measure(body: Buffer, unreadStart: number): Measure {
  let colons = 0;
  let values = 0;
  let level = 0;
  let depth = 0;
  let outside = { colons: 0, values: 0, level: Number.NaN };
  let unread: Range | undefined;
  const end = body.length;
  for (let index = 0; index < end; index++) {
    switch (body[index]) {
      case QUOTE:
        index = endOfString(body, index);
        break;
      case COLON:
        colons++;
        break;
      case COMMA:
        values++;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        values++;
        if (index === unreadStart) outside = { colons, values, level };
        if (++level > depth) depth = level;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (--level === outside.level && unread === undefined) {
          unread = { start: unreadStart, end: index + 1 };
          ({ colons, values } = outside);
        }
        break;
      default:
    }
  }
  return { colons, depth, values, unread };
}

/** Parses the text with an empty array in that range. */
function parseWithout(body: Buffer, { start, end }: Range): unknown {
  try {
    return JSON.parse(`${body.toString('utf8', 0, start)}[]${body.toString('utf8', end)}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Once more, for the fault's position in the whole text.
    return parse(body.toString('utf8'));
  }
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
