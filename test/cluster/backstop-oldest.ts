import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { ControlPlanePrograms } from './backstop-api-server.ts';
import type { ProgramFolders } from './go-programs.ts';
import { kubernetesMinor, writeKubernetesModule } from './kubernetes-module.ts';
import { CACHE_FOLDER } from './layout.ts';
import { runCommand } from './run-command.ts';

/** The oldest Kubernetes that the product supports, in the last release that the module proxy serves of it. */
const OLDEST_VERSION = 'v1.30.14';
const API_SERVER = 'kube-apiserver';
const BUILD_TIMEOUT_MILLISECONDS = 25 * 60_000;

/** The API server of the oldest version, with etcd and controllers of the newest. Builds it, if it is not there yet. */
export async function oldestPrograms(folders: ProgramFolders, signal: AbortSignal): Promise<ControlPlanePrograms> {
  return { ...newestPrograms(folders), apiServer: await buildOldest(signal) };
}

/** The control plane of the cluster under test. */
export function newestPrograms(folders: ProgramFolders): ControlPlanePrograms {
  return {
    etcd: join(folders.etcd, 'etcd'),
    apiServer: join(folders.kubernetes, API_SERVER),
    controllerManager: join(folders.kubernetes, 'kube-controller-manager'),
  };
}

async function buildOldest(signal: AbortSignal): Promise<string> {
  // All programs of that version may be there already, for a cluster of it.
  for (const folder of [`kubernetes-${OLDEST_VERSION}`, `${API_SERVER}-${OLDEST_VERSION}`]) {
    const program = join(CACHE_FOLDER, folder, API_SERVER);
    if ((await stat(program).catch(() => undefined)) !== undefined) return program;
  }
  const folder = join(CACHE_FOLDER, `${API_SERVER}-${OLDEST_VERSION}`);
  const [source, unfinished] = [`${folder}.module`, `${folder}.part`];
  await writeKubernetesModule(OLDEST_VERSION, source);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  const values = { gitVersion: OLDEST_VERSION, gitMajor: 1, gitMinor: kubernetesMinor(OLDEST_VERSION) };
  const stamps = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  const flags = ['-mod=mod', '-ldflags', ['-s', '-w', ...stamps].join(' ')];
  const output = ['-o', join(unfinished, API_SERVER), `k8s.io/kubernetes/cmd/${API_SERVER}`];
  await runCommand('go', ['build', `-p=${cpus().length}`, ...flags, ...output], {
    cwd: source,
    environment: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
    timeout: BUILD_TIMEOUT_MILLISECONDS,
    signal,
  });
  await rename(unfinished, folder);
  await rm(source, { recursive: true, force: true });
  return join(folder, API_SERVER);
}
