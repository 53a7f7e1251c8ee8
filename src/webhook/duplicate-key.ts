import { printable } from '../policy/printable.ts';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  endOfString,
} from './json-bytes.ts';

/** A key that one object has twice. */
export interface DuplicateKey {
  /** The key, quoted and printable. */
  readonly key: string;
  /** Byte at which its second occurrence begins. */
  readonly offset: number;
}

const SPACE = 0x20;

/**
 * Finds the first key that one object of a JSON text has twice.
 *
 * @param body valid JSON that is known to have such a key
 * @throws {RangeError} when there is none
 */
export function findDuplicateKey(body: Buffer): DuplicateKey {
  // The keys so far of each object that is open; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  const end = body.length;
  for (let index = 0; index < end; index++) {
    switch (body[index]) {
      case OPEN_BRACE:
        open.push(new Set());
        break;
      case OPEN_BRACKET:
        open.push(undefined);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        break;
      case QUOTE: {
        const start = index;
        index = endOfString(body, start);
        const keys = open.at(-1);
        if (keys === undefined || !isFollowedByColon(body, index + 1)) break;
        const key = decodeKey(body, start, index);
        if (keys.has(key)) return { key: `"${printable(key, 80)}"`, offset: start };
        keys.add(key);
        break;
      }
      default:
    }
  }
  throw new RangeError('the JSON text has no duplicate key');
}

/** JSON has four kinds of white space, none above the space. */
function isFollowedByColon(body: Buffer, start: number): boolean {
  let index = start;
  while ((body[index] ?? COLON) <= SPACE) index++;
  return body[index] === COLON;
}

/** Two spellings of one key, such as `a` and `\u0061`, are the same key. */
function decodeKey(body: Buffer, start: number, end: number): string {
  if (!body.subarray(start, end).includes(BACKSLASH)) return body.toString('utf8', start + 1, end);
  const key: unknown = JSON.parse(body.toString('utf8', start, end + 1));
  return String(key);
}
