import { type Document, isAlias, isMap, isPair, isSeq, type LineCounter, type Pair } from 'yaml';

/** Keys and indexes from the root of a document. */
export type NodePath = readonly (string | number)[];

/** A node and the pair whose value it is; no pair for an item of a sequence or for the root. */
export interface LocatedNode {
  /** Never an alias: the node that it stands for. */
  readonly node: unknown;
  readonly pair: Pair | undefined;
}

/**
 * The node at a path, through aliases but not through merge keys.
 *
 * @returns undefined when the document has no such node of its own
 */
export function locate(document: Document, path: NodePath): LocatedNode | undefined {
  let node = resolveAlias(document, document.contents);
  let pair: Pair | undefined;
  for (const token of path) {
    if (isMap(node)) {
      pair = findPair(node.items, token);
      if (pair === undefined) return undefined;
      node = resolveAlias(document, pair.value);
    } else if (isSeq(node)) {
      pair = undefined;
      node = resolveAlias(document, node.items[Number(token)]);
    } else {
      return undefined;
    }
  }
  return { node, pair };
}

/** The pair with that key. */
export function findPair(pairs: readonly Pair[], key: string | number): Pair | undefined {
  return pairs.find(pair => keyText(pair.key) === key);
}

/**
 * Where the node at a path starts, or where its nearest existing parent does; an alias is not followed.
 *
 * @param atKey true for the start of the key instead of the value
 */
export function offsetOf(
  root: unknown,
  { path, atKey = false }: { readonly path: NodePath; readonly atKey?: boolean },
): number {
  let node = root;
  let offset = rangeOf(root)?.start ?? 0;
  for (const [depth, token] of path.entries()) {
    const next = isMap(node) ? findPair(node.items, token) : isSeq(node) ? node.items[Number(token)] : undefined;
    if (next === undefined) break;
    const isLast = depth === path.length - 1;
    const key = isPair(next) ? next.key : next;
    node = isPair(next) ? next.value : next;
    offset = rangeOf(isLast && atKey ? key : node)?.start ?? rangeOf(key)?.start ?? offset;
  }
  return offset;
}

/** Where a node lies in the source, without what comes before it (anchor, tag) and after it (comment, line break). */
export function rangeOf(node: unknown): { readonly start: number; readonly end: number } | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  const end: unknown = node.range[1];
  return typeof start === 'number' && typeof end === 'number' ? { start, end } : undefined;
}

/** Line and column, both from 1; `lineCounter` counted the lines while the text was parsed. */
export function positionAt(
  lineCounter: LineCounter,
  offset: number,
): { readonly line: number; readonly column: number } {
  const { line, col } = lineCounter.linePos(offset);
  return { line: line || 1, column: col || 1 };
}

function resolveAlias(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function keyText(key: unknown): string | undefined {
  return typeof key === 'object' && key !== null && 'value' in key && typeof key.value === 'string'
    ? key.value
    : undefined;
}
