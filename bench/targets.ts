import type { ContenderName } from './contender.ts';
import { compare } from './compare.ts';
import type { Samples } from './samples.ts';
import { type Spread, spread } from './statistics.ts';

/** A goal, and what was measured. */
export interface Target {
  readonly goal: string;
  readonly limit: number;
  readonly unit: 'times' | 'MiB';
  /** Undefined when this run did not measure it. */
  readonly found: Spread | undefined;
  readonly isReached: boolean | undefined;
}

/** The goals of the webhook against what a run found. The median counts; a missed goal fails nothing. */
export function judgeTargets(samples: Samples): readonly Target[] {
  const usual = samples.load.filter(({ cell }) => cell === '12KB@8');
  const memory = samples.memory.filter(({ contender }) => contender === 'webhook');
  return [
    target(
      'CPU for a 12 KB body at 8 connections, against fastify with one pino line',
      1.15,
      against('fastify+pino', usual, sample => sample.cpuMilliseconds),
    ),
    target(
      'idle memory, against the bare server',
      1.4,
      against('bare', samples.start, sample => sample.idleMebibytes),
    ),
    {
      ...target(
        'memory after 1 MB bodies at 8 connections',
        170,
        spreadOf(memory.map(sample => sample.afterMebibytes)),
      ),
      unit: 'MiB',
    },
    target(
      'time from start to the first answer, against the bare server',
      2,
      against('bare', samples.start, sample => sample.firstAnswerMilliseconds),
    ),
  ];
}

function target(goal: string, limit: number, found: Spread | undefined): Target {
  return { goal, limit, unit: 'times', found, isReached: found && found.median <= limit };
}

function against<Sample extends { contender: ContenderName; round: number }>(
  other: ContenderName,
  samples: readonly Sample[],
  figure: (sample: Sample) => number,
): Spread | undefined {
  return compare(samples, { ours: 'webhook', other, figure });
}

function spreadOf(values: readonly number[]): Spread | undefined {
  return values.length === 0 ? undefined : spread(values);
}
