/** Longest line that is looked at: a record with every field at its longest has less than a quarter of it. */
const MAXIMUM_LINE_BYTES = 256 * 1024;

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines, one chunk after the other. */
export interface LineSplitter {
  readonly push: (chunk: Buffer) => void;
  /** The input ended; a last line without a newline is a line. */
  readonly end: () => void;
}

/**
 * A splitter. It never keeps more of a line than the longest that is looked at.
 *
 * @param onLine gets each line without its newline, or undefined for one that was too long
 * @param maximumBytes default 256 KiB
 */
export function createLineSplitter(
  onLine: (line: string | undefined) => void,
  maximumBytes = MAXIMUM_LINE_BYTES,
): LineSplitter {
  let kept: Buffer[] = [];
  let length = 0;
  const append = (piece: Buffer): void => {
    length += piece.length;
    if (length <= maximumBytes) kept.push(piece);
    else kept = [];
  };
  const finish = (): void => {
    onLine(length > maximumBytes ? undefined : Buffer.concat(kept).toString('utf8'));
    kept = [];
    length = 0;
  };
  return {
    push: chunk => {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        append(chunk.subarray(start, end));
        finish();
        start = end + 1;
      }
      append(chunk.subarray(start));
    },
    end: () => {
      if (length > 0) finish();
    },
  };
}
