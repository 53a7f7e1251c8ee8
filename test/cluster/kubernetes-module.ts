import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ClusterError, lastLines } from './cluster-error.ts';
import { runCommand, tryCommand } from './run-command.ts';

const MODULE = 'k8s.io/kubernetes';
/** The oldest minor that the product supports. */
const OLDEST_MINOR = 30;
/** What `go mod download -json` says of one module. */
const DownloadSchema = v.object({ GoMod: v.optional(v.string()), Error: v.optional(v.string()) });

/** A version as a person writes it, with or without the v, as Go writes it. @throws {ClusterError} */
export function parseKubernetesVersion(text: string): string {
  const version = text.startsWith('v') ? text : `v${text}`;
  if (!/^v1\.\d+\.\d+$/.test(version)) {
    throw new ClusterError(`'${text}' is no version of Kubernetes; one is 1.36.3`);
  }
  if (kubernetesMinor(version) < OLDEST_MINOR) {
    throw new ClusterError(`Kubernetes ${text} is too old; the product needs 1.${OLDEST_MINOR} or later`);
  }
  return version;
}

/** The minor of a version such as v1.37.2. */
export function kubernetesMinor(version: string): number {
  return Number(version.split('.')[1]);
}

/**
 * Writes a Go module that requires a version of Kubernetes other than the one in tools/. What else it requires is left
 * to Go, which adds it while it builds.
 *
 * @param folder where go.mod goes; emptied first
 * @throws {ClusterError} when the module proxy has no such version
 */
export async function writeKubernetesModule(version: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { stdout } = await tryCommand('go', ['mod', 'download', '-json', `${MODULE}@${version}`], { cwd: folder });
  const { GoMod, Error: reason } = v.parse(DownloadSchema, stdout === '' ? {} : JSON.parse(stdout));
  if (GoMod === undefined) {
    const details = [...lastLines(reason ?? ''), `the module proxy has ${await servedVersions(folder)}`];
    await rm(folder, { recursive: true, force: true });
    throw new ClusterError(`Cannot download Kubernetes ${version}`, details);
  }
  await writeFile(join(folder, 'go.mod'), kubernetesModule(version, await readFile(GoMod, 'utf8')));
}

/**
 * A go.mod for a version of Kubernetes, from the one of that version: it requires the modules of its own repository at
 * v0.0.0 and replaces them by folders, which only counts there; each is served as v0.X.Y.
 */
export function kubernetesModule(version: string, upstream: string): string {
  const lines = upstream.split('\n').map(line => line.trim());
  const kept = lines.filter(line => /^(go|godebug) /.test(line));
  const staged = lines.flatMap(line => /^(k8s\.io\/\S+) v0\.0\.0$/.exec(line)?.[1] ?? []);
  const replacements = staged.map(path => `replace ${path} => ${path} ${version.replace('v1', 'v0')}`);
  return [`module kubernetes-programs`, ...kept, `require ${MODULE} ${version}`, ...replacements, ''].join('\n');
}

async function servedVersions(folder: string): Promise<string> {
  const text = await runCommand('go', ['list', '-m', '-versions', MODULE], { cwd: folder }).catch(() => '');
  const versions = text
    .trim()
    .split(' ')
    .filter(version => version.startsWith('v1.') && kubernetesMinor(version) >= OLDEST_MINOR);
  return versions.length === 0 ? 'none' : versions.join(', ');
}
