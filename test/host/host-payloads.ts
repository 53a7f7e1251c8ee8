import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_FOLDER } from '../cluster/layout.ts';
import { runCommand } from '../cluster/run-command.ts';
import type { TestHost } from './create-host.ts';
import { HOST_PATHS, hostFolder } from './layout.ts';

const FOLDER = '/var/tmp/payloads';

/** Two releases of a payload on a host, each a folder named after its release, with the sums of its parts. */
export interface HostPayloads {
  readonly first: string;
  readonly second: string;
}

/**
 * Puts two releases on the host: the programs that were built from the Go module, and the same with another version in
 * runsc's own words, as one that is newer would be.
 */
export async function preparePayloads(host: TestHost): Promise<HostPayloads> {
  const output = await host.run([`${HOST_PATHS.gvisor}/runsc`, '--version']);
  const release = /^runsc version (\S+)/.exec(output)?.[1] ?? '';
  const other = `${release.slice(0, -1)}${release.endsWith('0') ? '1' : '0'}`;
  const script = `
for release in ${release} ${other}; do
  mkdir -p ${FOLDER}/$release
  cp ${HOST_PATHS.gvisor}/runsc ${HOST_PATHS.gvisor}/containerd-shim-runsc-v1 ${FOLDER}/$release/
done
sed -i 's/${release}/${other}/g' ${FOLDER}/${other}/runsc
for release in ${release} ${other}; do
  cd ${FOLDER}/$release && sha512sum runsc containerd-shim-runsc-v1 >SHA512SUMS
done
`;
  await host.run(['sh', '-euc', script]);
  return { first: `${FOLDER}/${release}`, second: `${FOLDER}/${other}` };
}

/** The release of a payload's folder. */
export function releaseOf(payload: string): string {
  return payload.split('/').at(-1) ?? '';
}

/** A program that says of itself what runsc says, and is nothing: for trials in which no sandbox starts. */
const SMALL_PROGRAM = `package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	self, _ := os.Executable()
	switch os.Args[len(os.Args)-1] {
	case "--version":
		fmt.Printf("runsc version %s\\nspec: 1.2.0\\n", filepath.Base(filepath.Dir(self)))
	case "flags":
		fmt.Fprint(os.Stderr, "  -systemd-cgroup\\n    \\tuse systemd for cgroups\\n")
	}
}
`;

/**
 * Two releases of a hundredth of the size: a real payload of a hundred megabytes, flushed to disk a thousand times, would
 * be all that such a trial measures.
 */
export async function prepareSmallPayloads(host: TestHost): Promise<HostPayloads> {
  const program = await smallProgram();
  const [first, second] = ['20990101.0', '20990102.0'].map(release => `${FOLDER}/${release}`);
  if (first === undefined || second === undefined) throw new TypeError('two releases');
  for (const payload of [first, second]) {
    const script = `mkdir -p ${payload} && cd ${payload}
for part in runsc containerd-shim-runsc-v1; do cp /var/lib/containerd/small-program $part; done
sha512sum runsc containerd-shim-runsc-v1 >SHA512SUMS`;
    await runCommand('cp', [program, join(hostFolder(host.name), 'containerd', 'small-program')]);
    await host.run(['sh', '-euc', script]);
  }
  return { first, second };
}

/** Built once, and kept. */
async function smallProgram(): Promise<string> {
  const folder = join(CACHE_FOLDER, 'small-runsc-2');
  const program = join(folder, 'small-runsc');
  if ((await stat(program).catch(() => undefined)) !== undefined) return program;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'main.go'), SMALL_PROGRAM);
  const output = `${program}.part`;
  const environment = { CGO_ENABLED: '0' };
  await runCommand('go', ['build', '-ldflags=-s -w', '-o', output, join(folder, 'main.go')], { environment });
  await rename(output, program);
  return program;
}
