import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** A path for a socket: it may have 107 bytes only, which a folder named after a test exceeds. */
export function socketPath(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'socket-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 's.sock');
}
