import { renderTable } from '../src/cli/table.ts';
import { compare } from './compare.ts';
import { CONTENDER_NAMES, type ContenderName } from './contender.ts';
import type { Samples } from './samples.ts';
import { type Spread, spread } from './statistics.ts';
import type { Target } from './targets.ts';

/** How a run was made. */
export interface Conditions {
  readonly node: string;
  readonly nodeOptions: string;
  readonly processors: number;
  readonly rounds: number;
  readonly cellSeconds: number;
  /** Load average before and after. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** What Node ran as the webhook. */
  readonly script: string;
}

/** All of a run. */
export interface Report {
  readonly conditions: Conditions;
  readonly targets: readonly Target[];
  readonly samples: Samples;
}

/** A figure of a sample with its column. */
interface Figure<Sample> {
  readonly column: string;
  readonly digits: number;
  readonly of: (sample: Sample) => number;
}

type Taken = { readonly contender: ContenderName; readonly round: number };

/** The report as text for people. */
export function renderReport({ conditions, targets, samples }: Report): string {
  const cells = [...new Set(samples.load.map(({ cell }) => cell))];
  const load = cells.flatMap(cell =>
    rowsOf(
      samples.load.filter(sample => sample.cell === cell),
      LOAD_FIGURES,
    ).map(row => [cell, ...row]),
  );
  return [
    renderConditions(conditions),
    'Load: body@connections; "new" is a connection with a full handshake for each request',
    renderTable(['cell', ...columnsOf(LOAD_FIGURES)], load),
    ...renderDeaths(samples.deaths),
    'Start: from the call that makes the process to the first right answer; memory at rest after it',
    renderTable(columnsOf(START_FIGURES), rowsOf(samples.start, START_FIGURES)),
    'Memory of a new process after 1 MB bodies at 8 connections',
    renderTable(columnsOf(MEMORY_FIGURES), rowsOf(samples.memory, MEMORY_FIGURES)),
    'Targets',
    renderTable(['', 'found', 'at most', 'of'], targets.map(targetRow)),
  ].join('\n');
}

const LOAD_FIGURES: readonly Figure<Samples['load'][number]>[] = [
  { column: 'req/s', digits: 0, of: sample => sample.requestsPerSecond },
  { column: 'CPU ms', digits: 3, of: sample => sample.cpuMilliseconds },
  { column: 'p50 ms', digits: 2, of: sample => sample.p50Milliseconds },
  { column: 'p99 ms', digits: 2, of: sample => sample.p99Milliseconds },
];

const START_FIGURES: readonly Figure<Samples['start'][number]>[] = [
  { column: 'first answer ms', digits: 0, of: sample => sample.firstAnswerMilliseconds },
  { column: 'idle MiB', digits: 1, of: sample => sample.idleMebibytes },
];

const MEMORY_FIGURES: readonly Figure<Samples['memory'][number]>[] = [
  { column: 'after MiB', digits: 1, of: sample => sample.afterMebibytes },
  { column: 'peak MiB', digits: 1, of: sample => sample.peakMebibytes },
];

function renderConditions(conditions: Conditions): string {
  const { node, nodeOptions, processors, rounds, cellSeconds, loadBefore, loadAfter, script } = conditions;
  return `Node ${node}, every server with the Deployment's ${nodeOptions} and a compile cache
webhook: ${script}
${rounds} rounds, ${cellSeconds} s a cell, ${processors} processors, load average ${loadBefore} before and ${loadAfter} after
Figures are medians of the rounds; "ours/" is the webhook's figure divided by that server's, median (range) of the rounds' ratios
`;
}

/** One line for each server and cell, however many rounds it was. */
function renderDeaths(deaths: Samples['deaths']): readonly string[] {
  const lines = deaths.map(({ contender, cell }) => `${contender} died under ${cell}`);
  return [...new Set(lines)].map(line => `${line} (rounds: ${lines.filter(other => other === line).length})\n`);
}

function columnsOf<Sample>(figures: readonly Figure<Sample>[]): readonly string[] {
  return ['server', ...figures.map(({ column }) => column), ...figures.map(({ column }) => `ours/ ${column}`)];
}

function rowsOf<Sample extends Taken>(
  samples: readonly Sample[],
  figures: readonly Figure<Sample>[],
): readonly (readonly string[])[] {
  return CONTENDER_NAMES.filter(name => samples.some(({ contender }) => contender === name)).map(name => {
    const own = samples.filter(({ contender }) => contender === name);
    const ratios = figures.map(figure =>
      name === 'webhook' ? undefined : compare(samples, { ours: 'webhook', other: name, figure: figure.of }),
    );
    return [
      name,
      ...figures.map(({ digits, of }) => spread(own.map(of)).median.toFixed(digits)),
      ...ratios.map(ratio => (ratio === undefined ? '' : renderSpread(ratio, 2))),
    ];
  });
}

function targetRow({ goal, limit, unit, found, isReached }: Target): readonly string[] {
  const verdict = isReached === undefined ? 'not measured' : isReached ? 'reached' : 'MISSED';
  const digits = unit === 'MiB' ? 0 : 2;
  return [verdict, found === undefined ? '' : renderSpread(found, digits), `${limit} ${unit}`, goal];
}

function renderSpread({ median, minimum, maximum }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${minimum.toFixed(digits)}-${maximum.toFixed(digits)})`;
}
