import { stat } from 'node:fs/promises';
import { ClusterError } from './cluster-error.ts';
import type { Progress } from './progress.ts';
import { runCommand, tryCommand } from './run-command.ts';

/** What the cluster needs of the machine, as Debian packages. */
const PACKAGES = [
  'buildah',
  'ca-certificates',
  'curl',
  'iproute2',
  'mmdebstrap',
  'nftables',
  'openssl',
  'systemd-container',
  'util-linux',
] as const;
const TIMEOUT_MILLISECONDS = 5 * 60_000;

/** Installs the packages that are missing. @throws {ClusterError} where the machine is no Debian, or the user not root */
export async function ensureDebianPackages(progress: Progress, signal: AbortSignal): Promise<void> {
  const refusal = await whyNotHere();
  if (refusal !== undefined) throw new ClusterError(`The test cluster cannot run here: ${refusal}`);
  await runCommand('go', ['version']);
  const missing: string[] = [];
  for (const name of PACKAGES) {
    const { stdout } = await tryCommand('dpkg-query', ['--show', '--showformat=${db:Status-Status}', name]);
    if (stdout !== 'installed') missing.push(name);
  }
  if (missing.length === 0) return;
  await progress(`installing ${missing.join(', ')}`, async () => {
    const options = { environment: { DEBIAN_FRONTEND: 'noninteractive' }, timeout: TIMEOUT_MILLISECONDS, signal };
    await runCommand('apt-get', ['update', '--quiet'], options);
    await runCommand('apt-get', ['install', '--quiet', '--yes', '--no-install-recommends', ...missing], options);
  });
}

/**
 * Why the cluster is not for this machine, or undefined when it is. Anything else that is missing is a failure and no
 * reason to skip a test.
 */
export async function whyNotHere(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root';
  if ((await stat('/etc/debian_version').catch(() => undefined)) === undefined) return 'it needs Debian';
  return process.arch === 'x64' ? undefined : 'it needs an x86-64 machine';
}
