import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from './cluster-error.ts';
import { runCommand } from './run-command.ts';

const PARTS = ['runsc', 'containerd-shim-runsc-v1'] as const;

/** A release of gVisor as a folder, with the sums of its parts. */
export interface GvisorPayload {
  readonly folder: string;
  readonly release: string;
}

/** Makes a payload of the programs that were built from the Go module, in the older form of a release: two programs. */
export async function makePayload(programs: string, folder: string): Promise<GvisorPayload> {
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const part of PARTS) {
    await copyFile(join(programs, part), join(folder, part));
    const sum = createHash('sha512').update(await readFile(join(folder, part)));
    lines.push(`${sum.digest('hex')}  ${part}\n`);
  }
  await writeFile(join(folder, 'SHA512SUMS'), lines.join(''));
  const output = await runCommand(join(folder, 'runsc'), ['--version']);
  const release = /^runsc version (\S+)/.exec(output)?.[1];
  if (release === undefined) throw new ClusterError('runsc does not say its version', [output]);
  return { folder, release };
}
