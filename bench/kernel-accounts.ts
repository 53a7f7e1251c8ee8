import { readdirSync, readFileSync } from 'node:fs';

/** Memory of a process, MiB. */
export interface Memory {
  /** Resident now. */
  readonly resident: number;
  /** The most that was ever resident. */
  readonly peak: number;
}

/**
 * CPU time that a process has used, milliseconds: the scheduler's account of each of its threads, in nanoseconds
 * (linux: Documentation/scheduler/sched-stats.rst). The clock ticks of /proc/PID/stat are too coarse for a cell.
 */
export function cpuMilliseconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(tasks).map(task => {
    const [running = ''] = readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ', 1);
    return Number(running);
  });
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e6;
}

/** What the kernel says of a process's memory. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { resident: mebibytes(status, 'VmRSS'), peak: mebibytes(status, 'VmHWM') };
}

/** Runnable processes on average over the last minute: how much else the machine had to do. */
export function loadAverage(): number {
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ', 1)[0]);
}

function mebibytes(status: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new RangeError(`/proc/PID/status has no ${field}`);
  return Number(kibibytes) / 1024;
}
