/** The byte that begins and ends a JSON string. */
export const QUOTE = 0x22;

/** The byte that escapes the next one in a JSON string. */
export const BACKSLASH = 0x5c;

/** The index of the quote that ends the string which begins at `start`, or the end of an unfinished text. */
export function endOfString(text: Buffer, start: number): number {
  const end = text.length;
  let index = start + 1;
  while (index < end && text[index] !== QUOTE) index += text[index] === BACKSLASH ? 2 : 1;
  return index;
}
