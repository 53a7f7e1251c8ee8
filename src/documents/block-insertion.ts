import type { CST, Pair, YAMLMap, YAMLSeq } from 'yaml';
import { rangeOf } from './node-position.ts';
import { type BlockStyle, renderBlock, renderItems } from './render-value.ts';
import { lineBreakOf, lineStartOf, type Splice } from './splice.ts';

const DEFAULT_LEVEL = 2;

/**
 * Adds members at the start of a map in block style, above the comments of its first member: what stands there belongs
 * to that member.
 *
 * @param parent the pair whose value the map is; tells how far a level is indented
 */
export function insertMembers(
  text: string,
  { map, parent, members }: { map: YAMLMap; parent: Pair | undefined; members: Readonly<Record<string, unknown>> },
): Splice | undefined {
  const start = map.items[0] && pairStart(map.items[0]);
  if (start === undefined) return undefined;
  const lineBreak = lineBreakOf(text);
  const lineStart = lineStartOf(text, start);
  const lines = renderBlock(members, blockStyleOf(text, map, parent));
  const prefix = text.slice(lineStart, start);
  if (/^ *$/.test(prefix)) {
    const at = commentsAbove(text, lineStart);
    return { start: at, end: at, text: lines.map(line => prefix + line + lineBreak).join('') };
  }
  // The map begins on the line of an indicator (`: key: value`).
  const indentation = ' '.repeat(start - lineStart);
  return { start, end: start, text: lines.map(line => line + lineBreak + indentation).join('') };
}

/** Adds items at the end of a list in block style. */
export function appendItems(text: string, seq: YAMLSeq, values: readonly unknown[]): Splice | undefined {
  const dash = dashOf(seq);
  const end = rangeOf(seq)?.end;
  if (dash === undefined || end === undefined) return undefined;
  const lineBreak = lineBreakOf(text);
  const indentation = ' '.repeat(columnOf(text, dash));
  const lines = renderItems(values, { level: ' '.repeat(DEFAULT_LEVEL), dashIndentation: '' }).map(
    line => indentation + line,
  );
  const nextLine = text[end - 1] === '\n' ? end : text.indexOf('\n', end) + 1;
  return nextLine > 0
    ? { start: nextLine, end: nextLine, text: lines.map(line => line + lineBreak).join('') }
    : { start: text.length, end: text.length, text: lines.map(line => lineBreak + line).join('') };
}

/** Where a pair begins, with anchor, tag and `?` of its key, without comments before it. */
export function pairStart({ key, srcToken }: Pair): number | undefined {
  const property = srcToken?.start.find(
    ({ type }) => type === 'anchor' || type === 'tag' || type === 'explicit-key-ind',
  );
  return property?.offset ?? rangeOf(key)?.start;
}

function blockStyleOf(text: string, map: YAMLMap, parent: Pair | undefined): BlockStyle {
  const start = map.items[0] && pairStart(map.items[0]);
  const parentStart = parent && pairStart(parent);
  const level =
    start === undefined || parentStart === undefined ? 0 : columnOf(text, start) - columnOf(text, parentStart);
  const dash = map.items.map(pair => dashAfterKey(text, pair)).find(found => found !== undefined);
  return { level: ' '.repeat(level > 0 ? level : DEFAULT_LEVEL), dashIndentation: ' '.repeat(dash ?? 0) };
}

/** How far the dashes of a list are indented from its key; undefined when the value is no list in block style. */
function dashAfterKey(text: string, pair: Pair): number | undefined {
  const dash = dashOf(pair.value);
  const key = pairStart(pair);
  return dash === undefined || key === undefined ? undefined : Math.max(0, columnOf(text, dash) - columnOf(text, key));
}

function dashOf(node: unknown): number | undefined {
  const token = sourceOf(node);
  if (token?.type !== 'block-seq') return undefined;
  return token.items[0]?.start.find(({ type }) => type === 'seq-item-ind')?.offset;
}

function sourceOf(node: unknown): CST.Token | undefined {
  return isSourced(node) ? node.srcToken : undefined;
}

function isSourced(node: unknown): node is { readonly srcToken?: CST.Token } {
  return typeof node === 'object' && node !== null && 'srcToken' in node;
}

function columnOf(text: string, offset: number): number {
  return offset - lineStartOf(text, offset);
}

/** The start of the first of the blank and comment lines right above a line. */
function commentsAbove(text: string, lineStart: number): number {
  let start = lineStart;
  while (start > 0) {
    const previous = lineStartOf(text, start - 1);
    if (!/^[ \t]*(#.*)?\r?$/.test(text.slice(previous, start - 1))) break;
    start = previous;
  }
  return start;
}
