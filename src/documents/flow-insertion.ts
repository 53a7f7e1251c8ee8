import { type Document, isMap, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { pairStart } from './block-insertion.ts';
import { rangeOf } from './node-position.ts';
import { type FlowLines, type FlowStyle, renderFlow, renderFlowMember } from './render-value.ts';
import { indentationBefore, lineBreakOf, type Splice } from './splice.ts';

/** What an insertion in flow style needs to know of its document. */
export interface FlowContext {
  readonly text: string;
  readonly document: Document;
}

/**
 * Adds members at the start of a map in flow style (`{…}`, so JSON too), in the style of the map or of its document.
 *
 * @param parent the pair whose value the map is
 */
export function insertFlowMembers(
  context: FlowContext,
  { map, parent, members }: { map: YAMLMap; parent: Pair | undefined; members: Readonly<Record<string, unknown>> },
): Splice | undefined {
  const style = flowStyleOf(context, map);
  const first = map.items[0] && pairStart(map.items[0]);
  if (first === undefined) {
    const open = rangeOf(map)?.start;
    if (open === undefined) return undefined;
    // Between the braces may be a comment: whatever is there stays behind the new members.
    const whole = renderFlow(members, style, isBare(map) ? linesAt(context, parent) : undefined);
    return { start: open + 1, end: open + 1, text: whole.slice(1, -1) };
  }
  const indentation = indentationBefore(context.text, first);
  const lines = linesFrom(context, indentation);
  const rendered = Object.entries(members).map(([key, value]) => renderFlowMember(key, value, { style, lines }));
  const separator = indentation === undefined ? style.comma : `,${lineBreakOf(context.text)}${indentation}`;
  return { start: first, end: first, text: rendered.map(member => member + separator).join('') };
}

/** Adds items at the end of a list in flow style. */
export function appendFlowItems(
  context: FlowContext,
  { seq, parent, values }: { seq: YAMLSeq; parent: Pair | undefined; values: readonly unknown[] },
): Splice | undefined {
  const last = rangeOf(seq.items.at(-1));
  const style = flowStyleOf(context, seq.items.at(-1));
  if (last === undefined) {
    const open = rangeOf(seq)?.start;
    if (open === undefined || seq.items.length > 0) return undefined;
    const whole = renderFlow(values, style, isBare(seq) ? linesAt(context, parent) : undefined);
    return { start: open + 1, end: open + 1, text: whole.slice(1, -1) };
  }
  const { text } = context;
  const indentation = indentationBefore(text, last.start);
  const isMultiline = text.slice(last.start, last.end).includes('\n');
  const lines = isMultiline ? linesFrom(context, indentation) : undefined;
  const separator = indentation === undefined ? style.comma : `,${lineBreakOf(text)}${indentation}`;
  const items = values.map(value => separator + renderFlow(value, style, lines));
  return { start: last.end, end: last.end, text: items.join('') };
}

/** A value for a key that has none. In a document in block style it is written in flow style too: one line, no indentation. */
export function renderValueOf(context: FlowContext, pair: Pair, value: unknown): string {
  return renderFlow(value, flowStyleOf(context, undefined), linesAt(context, pair));
}

/** The style of a map, else that of the document if its root is in flow style, else that of YAML without quotes. */
function flowStyleOf({ text, document }: FlowContext, node: unknown): FlowStyle {
  for (const map of [node, document.contents]) {
    const first = isMap(map) && map.flow ? map.items[0] : undefined;
    const key = first && rangeOf(first.key);
    if (key === undefined) continue;
    const quoted = text[key.start] === '"';
    const isTight = quoted && /^\s*:(?!\s)/.test(text.slice(key.end, key.end + 100));
    return { quoted, colon: isTight ? ':' : ': ', comma: isTight ? ',' : ', ' };
  }
  return { quoted: false, colon: ': ', comma: ', ' };
}

/** For a pair that starts its line in a document whose root is in flow style over several lines: pretty-printed JSON. */
function linesAt(context: FlowContext, pair: Pair | undefined): FlowLines | undefined {
  const start = pair && pairStart(pair);
  return linesFrom(context, start === undefined ? undefined : indentationBefore(context.text, start));
}

function linesFrom({ text, document }: FlowContext, indentation: string | undefined): FlowLines | undefined {
  const root = document.contents;
  const first = isMap(root) && root.flow && root.items[0] ? pairStart(root.items[0]) : undefined;
  const level = first === undefined ? undefined : indentationBefore(text, first);
  if (indentation === undefined || level === undefined) return undefined;
  return { indentation, level, lineBreak: lineBreakOf(text) };
}

/** True for `{}` and `[]`; false where a comment or a line break stands between. */
function isBare(node: YAMLMap | YAMLSeq): boolean {
  const range = rangeOf(node);
  return range !== undefined && range.end - range.start === 2;
}
