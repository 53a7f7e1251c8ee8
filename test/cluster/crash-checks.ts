import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Test } from 'tap';
import { processesInGroups } from './cgroups.ts';
import { machineSnapshot } from './machine-snapshot.ts';
import { findLeftovers, tearDown } from './tear-down.ts';
import { waitUntil } from './wait-until.ts';

/** `up` is killed while the control plane starts, or stopped by ^C: nothing is left after `down`, or at once. */
export async function checkCrash(t: Test): Promise<void> {
  const before = await machineSnapshot();
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const up = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'up'], { stdio: 'ignore' });
    const ended = once(up, 'close');
    await waitUntil({
      what: 'the API server to be started',
      seconds: 60,
      intervalMilliseconds: 20,
      check: async () => ((await processesInGroups('kube-apiserver')).length > 0 ? 'started' : undefined),
    });
    up.kill(signal);
    await ended;
    if (signal === 'SIGKILL') {
      t.not((await findLeftovers()).length, 0, 'a crash leaves something');
      await tearDown();
    } else t.equal(up.exitCode, 1, '^C removes what was started');
    t.strictSame(await findLeftovers(), [], `nothing is left after ${signal}`);
    t.strictSame(await machineSnapshot(), before, 'the machine is as before');
  }
}
