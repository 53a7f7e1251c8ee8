import { setTimeout } from 'node:timers/promises';
import { ClusterError } from '../cluster/cluster-error.ts';

const WAIT_MILLISECONDS = 30_000;
const POLL_MILLISECONDS = 20;

/** Kills what is found, and looks again, until nothing is found. This process is left alone. @throws {ClusterError} */
export async function killProcesses(find: () => Promise<readonly number[]>): Promise<void> {
  const end = Date.now() + WAIT_MILLISECONDS;
  for (;;) {
    const ids = (await find()).filter(id => id !== process.pid);
    if (ids.length === 0) return;
    if (Date.now() > end) throw new ClusterError('these processes do not end', ids.map(String));
    for (const id of ids) kill(id);
    await setTimeout(POLL_MILLISECONDS);
  }
}

function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
