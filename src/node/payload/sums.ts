import { listNames, payloadError } from './payload-error.ts';

const LINE = /^([0-9A-Fa-f]{128}) [ *](.+)$/;

/**
 * Reads what `sha512sum` prints: `HEX  NAME`, one a line. Empty lines and those that begin with `#` are skipped, and a
 * leading `./` of a name is dropped.
 *
 * @param what the text's name for a message, as in `'/payload/SHA512SUMS'`
 * @throws {NodeError} PayloadInvalid, with the line
 */
export function parseSums(text: string, what: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, sum, written] = LINE.exec(line) ?? [];
    if (sum === undefined || written === undefined) {
      const sentence = `${what} line ${index + 1}: expected 128 hexadecimal digits, two spaces and a name`;
      throw payloadError('PayloadInvalid', sentence, { hint: "Take what 'sha512sum' prints" });
    }
    const name = written.replace(/^\.\//, '');
    if (sums.has(name)) {
      throw payloadError('PayloadInvalid', `${what} line ${index + 1}: ${listNames([name])} is there twice`);
    }
    sums.set(name, sum.toLowerCase());
  }
  return sums;
}

/** The text that {@link parseSums} reads, in the order of the names. */
export function formatSums(sums: ReadonlyMap<string, string>): string {
  const names = [...sums.keys()].toSorted();
  return names.map(name => `${sums.get(name)}  ${name}\n`).join('');
}
