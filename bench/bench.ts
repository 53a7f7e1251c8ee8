import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeDevelopmentCertificates } from '../src/certificates/development-certificates.ts';
import { choiceFlag, type Flags, integerFlag, parseFlags } from '../src/cli/flags.ts';
import { EXIT_CODES, type ExitCode } from '../src/errors/user-error.ts';
import { NODE_OPTIONS } from '../src/manifest/webhook-container.ts';
import { BODY_NAMES } from './bodies.ts';
import { buildBaselines, buildWebhook } from './build.ts';
import type { Contender } from './contender.ts';
import { loadAverage } from './kernel-accounts.ts';
import { LoadClient } from './load-client.ts';
import { measureLoad, measureMemory, type MeasureOptions, measureStart } from './measure.ts';
import { type Report, renderReport } from './report.ts';
import { type Cell, cellName, type Samples } from './samples.ts';
import { judgeTargets } from './targets.ts';

const NAME = 'bench';

const FLAGS = {
  rounds: 'string',
  seconds: 'string',
  quick: 'boolean',
  output: 'string',
  cell: 'strings',
  entry: 'string',
  compare: 'string',
  help: 'boolean',
} as const;

const HELP = `npm run bench -- --quick

Measures the webhook beside a bare node:https server, fastify, and fastify with one log line a request: the same Node,
taking turns, over TLS on loopback. Every answer is checked. A target that is missed is printed and fails nothing.

  --rounds NUMBER     how often everything is measured (5)
  --seconds NUMBER    length of a cell (2)
  --quick             one short round of few cells: shows that it works, not how fast
  --cell BODY@N       measure this cell only; may be given again (${BODY_NAMES.join(', ')} @ 1, 8, 32 or new)
  --entry FILE        measure this script instead of a bundle that is made anew
  --compare FILE      measure this script, such as the bundle of another checkout, beside it
  --output table|json
`;

const CONNECTIONS = [1, 8, 32] as const;
const NEW_CONNECTIONS: Cell = { body: '12KB', connections: 'new' };
const CELLS: readonly Cell[] = [
  ...BODY_NAMES.flatMap(body => CONNECTIONS.map(connections => ({ body, connections }))),
  NEW_CONNECTIONS,
];
const QUICK_CELLS: readonly Cell[] = [
  { body: '12KB', connections: 8 },
  { body: '1MB', connections: 8 },
  NEW_CONNECTIONS,
];

/** Fewer starts than this say little: one takes a fifth of a second. */
const MINIMUM_STARTS = 7;

/** What `npm run bench` may touch. */
export interface BenchIO {
  readonly stdout: { readonly write: (text: string) => void };
  readonly stderr: { readonly write: (text: string) => void };
  /** Aborted on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
}

/** Runs the benchmark. @throws {UserError} BadUsage */
export async function bench(args: readonly string[], io: BenchIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS });
  if (flags.help === true) {
    io.stdout.write(HELP);
    return EXIT_CODES.done;
  }
  const output = choiceFlag(NAME, { name: 'output', value: flags.output ?? 'table', choices: ['table', 'json'] });
  const plan = readPlan(flags);
  const report = await measure(plan, io);
  io.stdout.write(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  return EXIT_CODES.done;
}

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly starts: number;
  readonly cells: readonly Cell[];
  /** False when single cells were asked for: they are all that is wanted. */
  readonly isWhole: boolean;
  readonly entry: string | undefined;
  readonly compared: string | undefined;
}

function readPlan(flags: Flags<typeof FLAGS>): Plan {
  const quick = flags.quick ?? false;
  const number = (name: 'rounds' | 'seconds', fallback: number) => {
    const value = flags[name];
    return value === undefined ? fallback : integerFlag(NAME, { name, value, minimum: 1, maximum: 100 });
  };
  const rounds = number('rounds', quick ? 1 : 5);
  const named = flags.cell?.map(value => {
    const name = choiceFlag(NAME, { name: 'cell', value, choices: CELLS.map(cellName) });
    return CELLS.filter(cell => cellName(cell) === name);
  });
  return {
    rounds,
    seconds: number('seconds', quick ? 1 : 2),
    starts: quick ? 2 : Math.max(rounds, MINIMUM_STARTS),
    cells: named?.flat() ?? (quick ? QUICK_CELLS : CELLS),
    isWhole: named === undefined,
    entry: flags.entry,
    compared: flags.compare,
  };
}

async function measure(plan: Plan, { stderr, signal }: BenchIO): Promise<Report> {
  const { rounds, seconds } = plan;
  await using folder = await mkdtempDisposable(join(tmpdir(), 'gvisor-injector-bench-'));
  const script = plan.entry === undefined ? await buildWebhook(signal) : resolve(plan.entry);
  const certificates = await writeCertificates(folder.path);
  using load = new LoadClient(signal);
  const loadBefore = loadAverage();
  const samples = await takeSamples(plan, {
    ...certificates,
    folder: folder.path,
    contenders: [
      { name: 'webhook', script, isWebhook: true },
      ...comparedContender(plan.compared),
      ...(await buildBaselines(folder.path)),
    ],
    load,
    rounds,
    milliseconds: seconds * 1000,
    signal,
    onProgress: text => stderr.write(`${text}\n`),
  });
  const conditions = {
    node: process.versions.node,
    nodeOptions: NODE_OPTIONS,
    processors: availableParallelism(),
    rounds,
    cellSeconds: seconds,
    loadBefore,
    loadAfter: loadAverage(),
    script,
  };
  return { conditions, targets: judgeTargets(samples), samples };
}

async function takeSamples(plan: Plan, options: MeasureOptions): Promise<Samples> {
  return {
    start: plan.isWhole ? await measureStart(options, plan.starts) : [],
    memory: plan.isWhole ? await measureMemory(options) : [],
    ...(await measureLoad(options, plan.cells)),
  };
}

function comparedContender(script: string | undefined): readonly Contender[] {
  return script === undefined ? [] : [{ name: 'compared', script: resolve(script), isWebhook: true }];
}

async function writeCertificates(folder: string) {
  const { ca, serving } = await makeDevelopmentCertificates({
    now: new Date(),
    dnsNames: ['gvisor-injector.gvisor-injector.svc'],
    ipAddresses: ['127.0.0.1'],
    days: 1,
  });
  const certificateFile = join(folder, 'tls.crt');
  const keyFile = join(folder, 'tls.key');
  await writeFile(certificateFile, serving.certificate);
  await writeFile(keyFile, serving.key, { mode: 0o600 });
  return { certificateFile, keyFile, authority: ca };
}
