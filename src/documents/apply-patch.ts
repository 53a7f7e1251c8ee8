import { apply_patch } from 'jsonpatch';
import { isJsonObject } from '../policy/json.ts';
import type { PatchOperation } from '../policy/patch.ts';

/**
 * Applies a JSON Patch (RFC 6902) by the package `jsonpatch`, which copies along the path and shares the rest: the
 * document is never changed.
 *
 * @throws {RangeError} when a pointer goes through `__proto__`, or when the patch does not apply
 */
export function applyPatch(document: unknown, patch: readonly PatchOperation[]): unknown {
  let patched = document;
  for (const operation of patch) {
    const tokens = pointerTokens(operation.path);
    if (tokens.includes('__proto__')) throw new RangeError(`Cannot apply ${operation.path}: it goes through __proto__`);
    const before = patched;
    try {
      patched = apply_patch(before, [operation]);
    } catch (cause) {
      throw new RangeError(`Cannot apply ${operation.path}: the document has no place for it`, { cause });
    }
    restorePrototypes(before, patched, tokens);
  }
  return patched;
}

/** The tokens of a JSON Pointer (RFC 6901), unescaped; none for the whole document. */
export function pointerTokens(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Its copies turn an own member `__proto__`, which any JSON may have, into the prototype of the copy. */
function restorePrototypes(before: unknown, after: unknown, tokens: readonly string[]): void {
  if (isJsonObject(before) && isJsonObject(after) && Object.hasOwn(before, '__proto__')) {
    const value = Object.getOwnPropertyDescriptor(before, '__proto__');
    Object.setPrototypeOf(after, Object.prototype);
    if (value !== undefined) Object.defineProperty(after, '__proto__', value);
  }
  const [token, ...rest] = tokens;
  if (token === undefined) return;
  if (isJsonObject(before) && isJsonObject(after)) restorePrototypes(before[token], after[token], rest);
  if (Array.isArray(before) && Array.isArray(after))
    restorePrototypes(before[Number(token)], after[Number(token)], rest);
}
