import { setTimeout as wait } from 'node:timers/promises';
import { admissionReview } from './bodies.ts';
import { checkAnswer } from './check-answer.ts';
import { Connection, postRequest } from './connection.ts';
import { ADMISSION_PATH, type Contender } from './contender.ts';
import { memoryOf } from './kernel-accounts.ts';
import type { LoadClient } from './load-client.ts';
import type { LoadOrder, LoadResult } from './load-order.ts';
import { type Cell, cellName, type Death, type LoadSample, type MemorySample, type StartSample } from './samples.ts';
import { ServerProcess, type ServerOptions } from './server-process.ts';

/** What is measured, and with what. */
export interface MeasureOptions extends ServerOptions {
  readonly contenders: readonly Contender[];
  readonly load: LoadClient;
  /** PEM that the servers' certificate is verified against. */
  readonly authority: string;
  readonly rounds: number;
  /** Length of a cell. */
  readonly milliseconds: number;
  /** Told what is about to be done. */
  readonly onProgress: (text: string) => void;
}

/** The first requests of a process are compiled as they come; they are in no cell. */
const HOT_MILLISECONDS = 1500;
const USUAL_CELL: Cell = { body: '12KB', connections: 8 };
const CELL_WARM_MILLISECONDS = 200;
const SETTLE_MILLISECONDS = 500;

/** Every cell on every server, in rounds: all servers are started anew for a round and take turns within each cell. */
export async function measureLoad(
  options: MeasureOptions,
  cells: readonly Cell[],
): Promise<{ load: readonly LoadSample[]; deaths: readonly Death[] }> {
  const load: LoadSample[] = [];
  const deaths: Death[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    await using stack = new AsyncDisposableStack();
    const start = async (contender: Contender): Promise<ServerProcess> => {
      const server = stack.use(await ServerProcess.start(contender, options));
      await options.load.run({ ...orderOf(options, server, USUAL_CELL), milliseconds: HOT_MILLISECONDS });
      return server;
    };
    const servers = new Map<Contender, ServerProcess>();
    for (const contender of options.contenders) servers.set(contender, await start(contender));
    for (const [index, cell] of cells.entries()) {
      options.onProgress(`round ${round} of ${options.rounds}: ${cellName(cell)}`);
      for (const [contender, server] of turned([...servers], round + index)) {
        const taken = { contender: contender.name, round, cell: cellName(cell) };
        const result = await loadOrDeath(options, server, cell);
        if (result === 'died') {
          options.onProgress(`${contender.name} died of ${cellName(cell)}`);
          deaths.push(taken);
          servers.set(contender, await start(contender));
        } else load.push({ ...taken, ...result });
      }
    }
  }
  return { load, deaths };
}

/** @throws {Error} when a server that lives gave a wrong answer, or none */
async function loadOrDeath(options: MeasureOptions, server: ServerProcess, cell: Cell): Promise<LoadResult | 'died'> {
  try {
    return await options.load.run(orderOf(options, server, cell));
  } catch (error) {
    options.signal.throwIfAborted();
    if (await server.hasEnded()) return 'died';
    throw error;
  }
}

/** Starts every server anew in each round: time to the first answer, and memory at rest. */
export async function measureStart(options: MeasureOptions, starts: number): Promise<StartSample[]> {
  const request = postRequest(ADMISSION_PATH, admissionReview('12KB'));
  const samples: StartSample[] = [];
  // Round 0 fills the compile cache, as the build of the image does, and is not counted.
  for (let round = 0; round <= starts; round++) {
    options.onProgress(`start ${round} of ${starts}`);
    for (const contender of turned(options.contenders, round)) {
      await using server = await ServerProcess.start(contender, options);
      using connection = await Connection.open({ ...options, port: server.port });
      const answer = await connection.exchange(request);
      const firstAnswerMilliseconds = performance.now() - server.spawnedAt;
      checkAnswer(answer);
      await wait(SETTLE_MILLISECONDS);
      const idleMebibytes = memoryOf(server.pid).resident;
      if (round > 0) samples.push({ contender: contender.name, round, firstAnswerMilliseconds, idleMebibytes });
    }
  }
  return samples;
}

/** Memory of a new process after bodies of 1 MB over 8 connections. */
export async function measureMemory(options: MeasureOptions): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    options.onProgress(`memory ${round} of ${options.rounds}`);
    for (const contender of turned(options.contenders, round)) {
      await using server = await ServerProcess.start(contender, options);
      await options.load.run(orderOf(options, server, { body: '1MB', connections: 8 }));
      await wait(SETTLE_MILLISECONDS);
      const { resident, peak } = memoryOf(server.pid);
      samples.push({ contender: contender.name, round, afterMebibytes: resident, peakMebibytes: peak });
    }
  }
  return samples;
}

function orderOf(options: MeasureOptions, server: ServerProcess, cell: Cell): LoadOrder {
  return cell.connections === 'new'
    ? { ...kept(options, server, { ...cell, connections: 1 }), connections: 'new' }
    : kept(options, server, { ...cell, connections: cell.connections });
}

function kept(
  { authority, milliseconds }: MeasureOptions,
  { pid, port }: ServerProcess,
  { body, connections }: Cell & { readonly connections: number },
): LoadOrder {
  return {
    pid,
    port,
    authority,
    path: ADMISSION_PATH,
    body,
    milliseconds,
    connections: 'kept',
    concurrency: connections,
    warmMilliseconds: CELL_WARM_MILLISECONDS,
  };
}

/** Another one begins each time, so that none is always measured after the same neighbour. */
function turned<Item>(items: readonly Item[], by: number): readonly Item[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
