/** The bytes that give a JSON text its structure; none of them occurs inside a longer UTF-8 character. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COLON = 0x3a;
export const COMMA = 0x2c;
export const OPEN_BRACE = 0x7b;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACE = 0x7d;
export const CLOSE_BRACKET = 0x5d;

/** The index of the quote that ends the string which begins at `start`, or the end of an unfinished text. */
export function endOfString(text: Buffer, start: number): number {
  const end = text.length;
  let index = start + 1;
  while (index < end && text[index] !== QUOTE) index += text[index] === BACKSLASH ? 2 : 1;
  return index;
}
