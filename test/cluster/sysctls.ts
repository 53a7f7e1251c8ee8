import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STATE_FOLDER } from './layout.ts';

/** Settings of the whole machine that a kubelet changes for itself. `down` puts the old values back. */
const SYSCTLS = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'] as const;

/** Keeps the values as they are now. */
export async function saveSysctls(): Promise<void> {
  for (const name of SYSCTLS) await writeFile(savedFile(name), await readFile(join('/proc/sys', name), 'utf8'));
}

/** Puts the kept values back, where they were kept. */
export async function restoreSysctls(): Promise<void> {
  for (const name of SYSCTLS) {
    const value = await readFile(savedFile(name), 'utf8').catch(() => undefined);
    const path = join('/proc/sys', name);
    if (value !== undefined && value !== (await readFile(path, 'utf8'))) await writeFile(path, value);
  }
}

function savedFile(name: string): string {
  return join(STATE_FOLDER, `sysctl.${name.replaceAll('/', '.')}`);
}
