import type { TestHost } from './create-host.ts';
import { HOST_PATHS } from './layout.ts';

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
