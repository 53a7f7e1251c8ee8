/** The most frequent entries of a count, most frequent first, and what was left out. */
export interface Ranking<Entry> {
  readonly top: readonly Entry[];
  /** Entries beyond `top`; at least so many when `isComplete` is false. */
  readonly moreEntries: number;
  /** How many decisions the entries beyond `top` stand for. */
  readonly moreDecisions: number;
  /** False when there were too many different entries to keep. */
  readonly isComplete: boolean;
}

/** Counts by key in bounded memory. */
export interface Tally<Entry> {
  /**
   * Counts one decision.
   *
   * @param parts what makes an entry the same as another
   * @param update makes the entry, or adds to it
   */
  readonly add: (parts: readonly string[], update: (entry: Entry | undefined) => Entry) => void;
  readonly rank: (top: number) => Ranking<Entry>;
}

/** Different entries kept of one tally: some megabytes, however many names a log holds. */
const MAXIMUM_ENTRIES = 20_000;

/**
 * A tally. Once it holds `maximumEntries`, decisions of further entries are counted together.
 *
 * @param maximumEntries default 20,000
 */
export function createTally<Entry extends { readonly decisions: number }>(
  maximumEntries = MAXIMUM_ENTRIES,
): Tally<Entry> {
  const entries = new Map<string, Entry>();
  let decisionsNotKept = 0;
  return {
    add: (parts, update) => {
      const key = JSON.stringify(parts);
      const entry = entries.get(key);
      if (entry === undefined && entries.size >= maximumEntries) decisionsNotKept += 1;
      else entries.set(key, update(entry));
    },
    rank: top => {
      const ranked = [...entries].toSorted(byFrequency).map(([, entry]) => entry);
      const rest = ranked.slice(top);
      return {
        top: ranked.slice(0, top),
        moreEntries: rest.length + (decisionsNotKept > 0 ? 1 : 0),
        moreDecisions: rest.reduce((sum, { decisions }) => sum + decisions, decisionsNotKept),
        isComplete: decisionsNotKept === 0,
      };
    },
  };
}

type Keyed = readonly [string, { readonly decisions: number }];

/** Equal counts stand in the order of their keys, so that the same log always gives the same report. */
function byFrequency([keyA, a]: Keyed, [keyB, b]: Keyed): number {
  if (a.decisions !== b.decisions) return b.decisions - a.decisions;
  return keyA < keyB ? -1 : 1;
}
