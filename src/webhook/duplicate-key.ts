import { printable } from '../policy/printable.ts';
import { endOfString } from './json-string.ts';

/** A key that one object has twice. */
export interface DuplicateKey {
  /** The key, quoted and printable. */
  readonly key: string;
  /** Byte at which its second occurrence begins. */
  readonly offset: number;
}

/**
 * Finds the first key that one object of a JSON text has twice.
 *
 * @param body valid JSON that is known to have such a key
 * @throws {RangeError} when there is none
 */
export function findDuplicateKey(body: Buffer): DuplicateKey {
  const open: Set<string>[] = [];
  const end = body.length;
  for (let index = 0; index < end; index++) {
    const character = String.fromCharCode(body[index] ?? 0);
    if (character === '{' || character === '[') open.push(new Set());
    if (character === '}' || character === ']') open.pop();
    if (character !== '"') continue;
    const start = index;
    index = endOfString(body, index);
    if (!isFollowedByColon(body, index + 1)) continue;
    const key = decode(body.toString('utf8', start, index + 1));
    if (open.at(-1)?.has(key)) return { key: `"${printable(key, 80)}"`, offset: start };
    open.at(-1)?.add(key);
  }
  throw new RangeError('the JSON text has no duplicate key');
}

function isFollowedByColon(body: Buffer, start: number): boolean {
  let index = start;
  while (' \t\r\n'.includes(String.fromCharCode(body[index] ?? 0))) index++;
  return body[index] === 0x3a;
}

/** Two spellings of one key, such as `a` and `\u0061`, are the same key. */
function decode(literal: string): string {
  const key: unknown = JSON.parse(literal);
  return String(key);
}
