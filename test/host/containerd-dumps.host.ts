import t from 'tap';
import { createProgress } from '../cluster/progress.ts';
import { checkContainerdDumps } from './containerd-dump-checks.ts';

const TIMEOUT_MILLISECONDS = 30 * 60_000;

t.setTimeout(TIMEOUT_MILLISECONDS);
await t.test('the configuration of real containerds', { timeout: TIMEOUT_MILLISECONDS }, t =>
  checkContainerdDumps(t, { progress: createProgress(process.stderr), signal: new AbortController().signal }),
);
