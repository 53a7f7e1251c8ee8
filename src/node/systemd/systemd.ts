/** What systemd says of a unit. */
export interface UnitState {
  /** `active`, `inactive`, `failed`, `activating` … */
  readonly activeState: string;
  /** The argument vector of its first ExecStart; empty when it has none. */
  readonly command: readonly string[];
  /** Environment entries `NAME=value` of the unit, for its PATH. */
  readonly environment: readonly string[];
  /** When it became active, in microseconds of the real-time clock; 0 when it never was. */
  readonly activeSince: number;
  /** The process id of its main process, as the host counts; 0 when there is none. */
  readonly mainProcess: number;
}

/** A program that is run on the host. */
export interface HostCommand {
  /** A short word for the name of the transient unit. */
  readonly purpose: string;
  /** Argument vector; the first is an absolute path of the host. */
  readonly command: readonly string[];
  /** Environment entries `NAME=value` beyond systemd's own. */
  readonly environment?: readonly string[];
  readonly timeoutSeconds: number;
}

/** What became of a program that was run on the host. */
export interface HostCommandResult {
  /** Its exit code; undefined when a signal or the timeout ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs on the host until it ends by itself or is stopped. */
export interface HostService {
  /** The name of its transient unit, such as `name.service`. */
  readonly unit: string;
  /** What `systemctl status` says of it. */
  readonly description: string;
  /** Argument vector; the first is an absolute path of the host. */
  readonly command: readonly [string, ...string[]];
}

/**
 * The host's systemd, asked over its private socket. Every call has a deadline of its own.
 *
 * @throws {NodeError} SystemdUnreachable from every call, when it does not answer
 */
export interface Systemd {
  /** A unit, or undefined when systemd has none of that name (`containerd.service`). */
  unit(name: string): Promise<UnitState | undefined>;
  /** Runs a program as a transient unit and waits for its end. */
  run(command: HostCommand): Promise<HostCommandResult>;
  /** Removes what is left of programs that were run by agents that have died. */
  removeFinishedRuns(): Promise<void>;
  /** Starts a program as a transient unit that forgets itself at its end. False when a unit of that name is there. */
  startService(service: HostService): Promise<boolean>;
  /**
   * Restarts a unit, waits for the job's end and returns its result: `done`, `failed`, `timeout` and so on, or the name
   * of systemd's refusal, such as `NoSuchUnit`.
   */
  restart(unit: string): Promise<string>;
  /** Starts a unit and waits for the job's end. */
  start(unit: string): Promise<string>;
  /** Stops a unit and waits for the job's end; a unit that is not loaded is `done`. */
  stop(unit: string): Promise<string>;
  /** Forgets that a unit failed, so that its start limit does not hold it up. A unit that is not loaded is no error. */
  resetFailed(unit: string): Promise<void>;
  /** Reads the unit files again. */
  reload(): Promise<void>;
  close(): Promise<void>;
}
