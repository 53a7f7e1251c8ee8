import { lineBreakOf } from './splice.ts';

const BYTE_ORDER_MARK = '\ufeff';
const DOCUMENT_START = /^---(?=[ \t\r\n]|$)/;
const BLANK_OR_COMMENT = /^[ \t]*(#.*)?$/;

/**
 * Several manifests as one stream. A single one comes out as it is. Between two, a line `---` is added unless the
 * second begins with one, and a line break if the first ends without. Two more bytes may differ: a byte order mark is
 * kept only at the very start, since within a stream it would become part of a key; and a stream that would begin with
 * JSON begins with `---`, since kubectl takes such a stream for nothing but JSON (apimachinery: pkg/util/yaml).
 */
export function joinTexts(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] ?? '';
  let joined = '';
  for (const text of texts.map(withoutMark)) {
    if (text !== '') joined += (joined === '' ? openingOf(text) : separator(joined, text)) + text;
  }
  return (texts[0]?.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '') + joined;
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function openingOf(text: string): string {
  return /^\s*[{[]/.test(text) ? `---${lineBreakOf(text)}` : '';
}

function separator(before: string, after: string): string {
  const lineBreak = lineBreakOf(before);
  const first = after.split(/\r?\n/).find(line => !BLANK_OR_COMMENT.test(line));
  const newLine = before.endsWith('\n') ? '' : lineBreak;
  if (first === undefined || DOCUMENT_START.test(first)) return newLine;
  // Directives may stand only after the end of a document (YAML 1.1, 9.1).
  return `${newLine}${first.startsWith('%') ? '...' : '---'}${lineBreak}`;
}
