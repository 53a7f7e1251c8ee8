/** One change of a text. Nearly always an insertion (`start` equals `end`); only a written-out `null` is replaced. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The text with the changes made. Equal changes count once: two Pods that share a part by an alias ask for the same.
 *
 * @param splices in any order; they do not overlap
 */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const distinct = new Map(splices.map(splice => [`${splice.start}:${splice.end}:${splice.text}`, splice]));
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, text: inserted } of [...distinct.values()].toSorted(
    (left, right) => left.start - right.start,
  )) {
    parts.push(text.slice(done, start), inserted);
    done = end;
  }
  return [...parts, text.slice(done)].join('');
}

/** The line break that a text uses, by its first one. */
export function lineBreakOf(text: string): '\r\n' | '\n' {
  const first = text.indexOf('\n');
  return first > 0 && text[first - 1] === '\r' ? '\r\n' : '\n';
}

/** Where the line of an offset starts. */
export function lineStartOf(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** The white space before an offset on its line, or undefined when more than that is there. */
export function indentationBefore(text: string, offset: number): string | undefined {
  const before = text.slice(lineStartOf(text, offset), offset);
  return /^[ \t]*$/.test(before) ? before : undefined;
}
