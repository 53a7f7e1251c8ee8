import type { BodyName } from './bodies.ts';
import type { ContenderName } from './contender.ts';
import type { LoadResult } from './load-order.ts';

/** One combination of body and connections. */
export interface Cell {
  readonly body: BodyName;
  /** Connections at once, all kept; `new` for one connection a request. */
  readonly connections: number | 'new';
}

/** Where a figure comes from: figures of one round are compared with each other only. */
interface Taken {
  readonly contender: ContenderName;
  readonly round: number;
}

/** One server under one load. */
export interface LoadSample extends Taken, LoadResult {
  readonly cell: string;
}

/** One server started anew. */
export interface StartSample extends Taken {
  /** From the call that makes the process to the first right answer, handshake included. */
  readonly firstAnswerMilliseconds: number;
  /** Resident memory once it has come to rest after that answer, MiB. */
  readonly idleMebibytes: number;
}

/** One server started anew and loaded with bodies of 1 MB over 8 connections. */
export interface MemorySample extends Taken {
  readonly afterMebibytes: number;
  readonly peakMebibytes: number;
}

/** A server whose process ended under load, such as at its heap limit: there is no figure then. */
export interface Death extends Taken {
  readonly cell: string;
}

/** All figures of a run. */
export interface Samples {
  readonly load: readonly LoadSample[];
  readonly start: readonly StartSample[];
  readonly memory: readonly MemorySample[];
  readonly deaths: readonly Death[];
}

/** A cell in a word, such as `12KB@8`. */
export function cellName({ body, connections }: Cell): string {
  return `${body}@${connections}`;
}
