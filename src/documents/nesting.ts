import { CST } from 'yaml';

/** Deeper than any manifest, and far from where the recursion over the tree would end (about 700 on Node 24). */
const MAXIMUM_NESTING = 300;

/**
 * Where a stream of tokens nests too deeply to be composed, with the message; undefined for all that people write.
 * Walks without recursion.
 */
export function nestingFault(
  tokens: readonly CST.Token[],
): { readonly offset: number; readonly message: string } | undefined {
  const open = tokens.map(token => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAXIMUM_NESTING) {
      return { offset: token.offset, message: `nested more than ${MAXIMUM_NESTING} levels deep` };
    }
    if (token.type === 'document' && token.value !== undefined) open.push({ token: token.value, depth });
    if (!CST.isCollection(token)) continue;
    for (const { key, value } of token.items) {
      if (key) open.push({ token: key, depth: depth + 1 });
      if (value) open.push({ token: value, depth: depth + 1 });
    }
  }
  return undefined;
}
