/** What a person, a terminal or a log shipper could take for more than text: controls, line separators, bidirectional marks, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const MAYBE_UNPRINTABLE = /[^\x20-\x7e]/;

/**
 * The text on one line, with every unprintable character written as `\u{hex}`, cut to a number of UTF-16 units.
 * The API server silently drops a warning with a control character (apiserver: pkg/endpoints/filters/warning.go), and
 * names reach a mutating webhook before they are validated.
 *
 * @param maximumLength longest result, at least 1; a cut text ends in `…`
 */
export function printable(text: string, maximumLength: number): string {
  const cut = text.slice(0, maximumLength + 1);
  const escaped = MAYBE_UNPRINTABLE.test(cut) ? cut.replace(UNPRINTABLE, escapeCharacter) : cut;
  if (escaped.length <= maximumLength) return escaped;
  const kept = escaped.slice(0, maximumLength - 1);
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}…`;
}

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
