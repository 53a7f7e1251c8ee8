import type { ContenderName } from './contender.ts';
import { type Spread, spread } from './statistics.ts';

/** Which two servers are compared, by which figure. */
export interface Comparison<Sample> {
  readonly ours: ContenderName;
  readonly other: ContenderName;
  readonly figure: (sample: Sample) => number;
}

/**
 * One server's figure divided by another's, round by round: the machine is slower at some times than at others, and what
 * was measured side by side shared its speed.
 *
 * @param samples of one cell
 * @returns undefined where they share no round
 */
export function compare<Sample extends { readonly contender: ContenderName; readonly round: number }>(
  samples: readonly Sample[],
  { ours, other, figure }: Comparison<Sample>,
): Spread | undefined {
  const ratios = samples
    .filter(({ contender }) => contender === ours)
    .flatMap(sample => {
      const pair = samples.find(({ contender, round }) => contender === other && round === sample.round);
      return pair === undefined ? [] : [figure(sample) / figure(pair)];
    });
  return ratios.length === 0 ? undefined : spread(ratios);
}
