/**
 * The bytes of ours in a configuration file: whole lines between two markers, which are comments. They are put at the
 * end of a file, where tables of ours begin and end nothing of anybody else's.
 *
 * A file that does not end in a line break gets one first. That one is ours too, and the first marker says so.
 */
const BEGIN = 'BEGIN gvisor-injector';
const END = 'END gvisor-injector';
const MARKER = /^[ \t]*#[ \t]*(BEGIN|END) gvisor-injector\b/;
const LINE_BREAK_PHRASE = 'and the line break before this line';

/** Our block in a text. */
export interface Block {
  /** Offsets of our bytes, with the line break before them when that is ours. */
  readonly start: number;
  readonly end: number;
  /** Where the line of the first marker begins. */
  readonly beginStart: number;
  /** Counted from 1: the lines of the markers. */
  readonly firstLine: number;
  readonly lastLine: number;
  /** How its lines end. */
  readonly lineBreak: LineBreak;
}

type LineBreak = '\n' | '\r\n';

/** Why our block cannot be told from the rest. */
export interface BlockFault {
  /** What is wrong, with the lines, as in `line 7 begins …`. */
  readonly fault: string;
}

/** Finds our block. Undefined when there is none. */
export function findBlock(text: string): Block | BlockFault | undefined {
  const markers = findMarkers(text);
  const [begin, end, third] = markers;
  if (begin === undefined) return undefined;
  if (begin.kind === 'END') return { fault: `line ${begin.line} ends an entry of ours that no line begins` };
  if (end === undefined) return { fault: `line ${begin.line} begins an entry of ours that no line ends` };
  if (end.kind === 'BEGIN') {
    return { fault: `line ${begin.line} begins an entry of ours, and line ${end.line} another one before it ends` };
  }
  if (third !== undefined)
    return { fault: `there is an entry of ours at line ${begin.line} and another one at line ${third.line}` };
  const ownsLineBreak = begin.text.includes(LINE_BREAK_PHRASE);
  // The line break before our lines is like those in them.
  const lineBreak = begin.text.endsWith('\r') ? '\r\n' : '\n';
  const isThere = ownsLineBreak && text.slice(0, begin.start).endsWith(lineBreak);
  return {
    start: isThere ? begin.start - lineBreak.length : begin.start,
    end: end.end,
    beginStart: begin.start,
    firstLine: begin.line,
    lastLine: end.line,
    lineBreak,
  };
}

interface Marker {
  readonly kind: 'BEGIN' | 'END';
  readonly text: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

function findMarkers(text: string): readonly Marker[] {
  const markers: Marker[] = [];
  let start = 0;
  for (const [index, line] of text.split('\n').entries()) {
    const end = Math.min(start + line.length + 1, text.length);
    const kind = MARKER.exec(line)?.[1];
    if (kind === 'BEGIN' || kind === 'END') markers.push({ kind, text: line, line: index + 1, start, end });
    start = end;
  }
  return markers;
}

/** The text without our block. */
export function withoutBlock(text: string, { start, end, beginStart }: Block): string {
  const after = text.slice(end);
  // What somebody added after our lines began a line of its own, and has to go on doing so.
  return text.slice(0, after === '' ? start : beginStart) + after;
}

/** The text with a block of ours in place of the one that is there, or at the end when there is none. */
export function withBlock(text: string, body: string, block: Block | undefined): string {
  if (block === undefined) {
    const ownsLineBreak = text !== '' && !text.endsWith('\n');
    return text + renderBlock(body, { ownsLineBreak, lineBreak: lastLineBreak(text) });
  }
  const { start, end, beginStart, lineBreak } = block;
  const replaced = renderBlock(body, { ownsLineBreak: start < beginStart, lineBreak });
  return text.slice(0, start) + replaced + text.slice(end);
}

/**
 * A whole block.
 *
 * @param body lines with `\n` as line break, each with one
 */
function renderBlock(
  body: string,
  { ownsLineBreak, lineBreak }: { readonly ownsLineBreak: boolean; readonly lineBreak: LineBreak },
): string {
  const what = ownsLineBreak ? `, ${LINE_BREAK_PHRASE}` : '';
  const lines = `# ${BEGIN}${what}: written by gvisor-injector, which replaces and removes it as a whole. Do not edit it\n${body}# ${END}\n`;
  return ((ownsLineBreak ? '\n' : '') + lines).replaceAll('\n', lineBreak);
}

/** How the last line that ends is ended; a text of one line gets plain line feeds. */
function lastLineBreak(text: string): LineBreak {
  const position = text.lastIndexOf('\n');
  return position > 0 && text[position - 1] === '\r' ? '\r\n' : '\n';
}
