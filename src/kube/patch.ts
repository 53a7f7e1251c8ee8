/** One operation of RFC 6902 that the product uses. */
export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

/**
 * A change of an object. All three say what is to be, not what to do to what is there, so a patch that is sent twice
 * does no harm: `merge` (RFC 7396) for maps, where null removes a member; `strategic` for lists with a key, such as
 * conditions; `json` for a list without one, with a `test` of what was seen.
 */
export type Patch =
  | { readonly kind: 'merge'; readonly content: object }
  | { readonly kind: 'strategic'; readonly content: object }
  | { readonly kind: 'json'; readonly operations: readonly JsonPatchOperation[] };

const TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
} as const satisfies Record<Patch['kind'], string>;

/** A patch as a request's body. */
export function patchContent(patch: Patch): { readonly type: string; readonly text: string } {
  const content = patch.kind === 'json' ? patch.operations : patch.content;
  return { type: TYPES[patch.kind], text: JSON.stringify(content) };
}
