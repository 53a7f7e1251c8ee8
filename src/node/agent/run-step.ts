import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../../kube/clock.ts';
import { createLineSplitter } from '../../record/line-splitter.ts';
import { type EndedStep, parseReportLine, type Step } from './step-report.ts';

/** A step, and the program that does it. */
export interface StepProgram {
  readonly step: Step;
  /** Argument vector; the first is an absolute path. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The surroundings of a step. */
export interface StepSurroundings {
  readonly clock: Clock;
  /** Ends the step. */
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
  /** Told of each line that the program writes on stderr. */
  readonly onLine: (line: string) => void;
}

/** Between SIGTERM and SIGKILL. */
const KILL_SECONDS = 20;
/** A report names some files and sentences. */
const MAXIMUM_REPORT_BYTES = 256 * 1024;
const MAXIMUM_LINE_BYTES = 4096;

/**
 * Has a step done by a process of its own, since what it loads is larger than the agent is ever to be, and reads its
 * report: the last line that it writes on stdout. A process that ends without one is trouble of our own.
 */
export async function runStep(program: StepProgram, surroundings: StepSurroundings): Promise<EndedStep> {
  const { step, environment } = program;
  const [command, ...args] = program.command;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment } });
  const ended = waitForEnd(child);
  let line = '';
  read(child.stdout, MAXIMUM_REPORT_BYTES, text => {
    if (text !== '') line = text;
  });
  read(child.stderr, MAXIMUM_LINE_BYTES, surroundings.onLine);
  const release = limit(child, surroundings);
  const end = await ended;
  release();
  return parseReportLine(step, line) ?? withoutReport(step, end);
}

async function waitForEnd(child: ChildProcess): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', error => resolve(`could not be started: ${error.message}`));
  // Once its output has ended too.
  child.once('close', (code, signal) =>
    resolve(signal === null ? `ended with code ${String(code)}` : `was ended by ${signal}`),
  );
  return await promise;
}

function read(stream: Readable, maximumBytes: number, onLine: (line: string) => void): void {
  const splitter = createLineSplitter(line => onLine(line ?? ''), maximumBytes);
  stream.on('data', (chunk: Buffer) => splitter.push(chunk));
  stream.once('end', () => splitter.end());
}

/** Ends a process when its time is over or the agent is, first politely. Returns what lifts that. */
function limit(child: ChildProcess, { clock, signal, timeoutSeconds }: StepSurroundings): () => void {
  let cancelKill: (() => void) | undefined;
  const end = (): void => {
    child.kill('SIGTERM');
    cancelKill ??= clock.schedule(KILL_SECONDS * 1000, () => child.kill('SIGKILL'));
  };
  const cancelTimeout = clock.schedule(timeoutSeconds * 1000, end);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  return () => {
    cancelTimeout();
    cancelKill?.();
    signal.removeEventListener('abort', end);
  };
}

function withoutReport(step: Step, end: string): EndedStep {
  const report = {
    outcome: 'failed',
    reason: 'AgentFault',
    sentence: `the process of step '${step}' ${end} and without a report`,
    hint: "The agent's log has what it wrote; report it if it was neither killed nor out of memory",
  } as const;
  return { step, report };
}
