import type { HostFiles } from '../host/host-files.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import type { Systemd } from '../systemd/systemd.ts';
import type { Clock } from './gate.ts';

/** How long things may take, in seconds. */
export interface ChangeTimes {
  /** From the restart until the container runtime has loaded what it should. */
  readonly gateSeconds: number;
  /** From the arming of the dead man's timer until it puts the former configuration back. */
  readonly rollbackAfterSeconds: number;
}

/** The least time that the timer must leave beyond the gate: for the restart itself. */
export const RESTART_SECONDS = 60;
/** The gate's time unless somebody says otherwise. */
export const GATE_SECONDS = 45;
/** The timer's time unless somebody says otherwise. */
export const ROLLBACK_AFTER_SECONDS = 150;

/** One host and everything by which it is changed. */
export interface ChangeContext {
  readonly files: HostFiles;
  readonly systemd: Systemd;
  /** Opens CRI at a socket of the host. */
  readonly connectRuntime: (socket: string) => ContainerRuntime;
  readonly clock: Clock;
  readonly times: ChangeTimes;
  /** Told of every step, in a sentence without a full stop. */
  readonly report: (sentence: string) => void;
  /** Told how long the container runtime was away for a restart of ours, in milliseconds. */
  readonly paused?: (milliseconds: number) => void;
}
