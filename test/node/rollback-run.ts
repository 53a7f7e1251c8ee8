import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What came of a run of the rollback script. */
export interface RollbackRun {
  readonly succeeded: boolean;
  /** The units that it had systemd restart. */
  readonly restarted: readonly string[];
}

/**
 * Runs the very script of a host, with the host's paths moved below its folder here and a `systemctl` that tells us.
 *
 * @returns undefined when the host has no such script
 */
export function runRollbackScript(root: string): RollbackRun | undefined {
  const path = join(root, 'var/lib/gvisor-injector/rollback.sh');
  if (!existsSync(path)) return undefined;
  const bin = mkdtempSync(join(tmpdir(), 'model-host-bin-'));
  const calls = join(bin, 'calls');
  writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$*" >>${calls}\n`);
  chmodSync(join(bin, 'systemctl'), 0o755);
  const moved = readFileSync(path, 'utf8').replaceAll(/'(\/[^']+)'/g, `'${root}$1'`);
  const result = spawnSync('/bin/sh', ['-c', moved], { env: { PATH: `${bin}:/usr/bin:/bin` }, encoding: 'utf8' });
  const orders = existsSync(calls) ? readFileSync(calls, 'utf8').split('\n') : [];
  rmSync(bin, { recursive: true });
  const restarted = orders.flatMap(line => (line.startsWith('restart ') ? (line.split(' ').at(-1) ?? []) : []));
  return { succeeded: result.status === 0, restarted };
}
