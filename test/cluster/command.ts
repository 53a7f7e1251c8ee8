import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ClusterError, lastLines } from './cluster-error.ts';
import { runDemo } from './demo.ts';
import { parseKubernetesVersion } from './kubernetes-module.ts';
import { ADMIN_KUBECONFIG, LOG_FOLDER, machineName, NODES, VERSION_FILE } from './layout.ts';
import { enterArguments } from './node-machine.ts';
import { createProgress } from './progress.ts';
import { prepareParts, startCluster } from './start-cluster.ts';
import { clusterStatus } from './status.ts';
import { findLeftovers, tearDown } from './tear-down.ts';

const HELP = `npm run cluster -- up

A real Kubernetes with two real nodes on this machine, for tests and for a look. Root on Debian, with Go.

  up           builds what is missing (minutes, once), starts the cluster
               --kubernetes VERSION: another than the pinned one, built on demand
               --keep: leaves it there when that fails
  down         removes it: processes, mounts, network, folders
  demo         the product, gVisor on both nodes, and some Pods, on a cluster that is up
  status       what runs (exit code 3 when nothing does)
  kubeconfig   the administrator's kubeconfig; save it and point KUBECONFIG at it
  shell NODE   a shell in a node: ${NODES.map(({ name }) => name).join(', ')}
  logs [NAME]  the logs: their names, or the end of one
`;

/** Runs one command. Returns the exit code. @throws {ClusterError} for every expected failure */
export async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [command, argument] = args;
  switch (command) {
    case 'up':
      return await up({ args: args.slice(1), signal });
    case 'down':
      await tearDown();
      return 0;
    case 'status':
      return await status();
    case 'demo':
      return await demo(signal);
    case 'kubeconfig':
      process.stdout.write(await readKubeconfig());
      return 0;
    case 'shell':
      return await shell(argument, args.slice(2));
    case 'logs':
      return await logs(argument);
    default:
      (command === undefined || command === '--help' ? process.stdout : process.stderr).write(HELP);
      return command === undefined || command === '--help' ? 0 : 2;
  }
}

async function up({
  args,
  signal,
}: {
  readonly args: readonly string[];
  readonly signal: AbortSignal;
}): Promise<number> {
  const { keep = false, kubernetes } = parseUpFlags(args);
  const progress = createProgress(process.stderr);
  const version = kubernetes === undefined ? undefined : parseKubernetesVersion(kubernetes);
  const parts = await prepareParts(progress, signal, version);
  if ((await findLeftovers()).length > 0) {
    throw new ClusterError("A cluster is up, or was left behind; 'npm run cluster -- down' removes it");
  }
  try {
    await startCluster(parts, progress, signal);
  } catch (error) {
    if (!keep) await tearDown();
    throw error;
  }
  process.stderr.write("The cluster is up. 'npm run cluster -- kubeconfig' prints how to reach it\n");
  return 0;
}

/** @throws {ClusterError} for a flag that there is not, or one without its value */
function parseUpFlags(args: readonly string[]): { readonly keep?: boolean; readonly kubernetes?: string } {
  try {
    const options = { keep: { type: 'boolean' }, kubernetes: { type: 'string' } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new ClusterError(error instanceof Error ? error.message : String(error));
  }
}

async function demo(signal: AbortSignal): Promise<number> {
  if ((await clusterStatus()).length === 0) throw new ClusterError("There is no cluster: 'npm run cluster -- up'");
  const progress = createProgress(process.stderr);
  const parts = await prepareParts(progress, signal, await readFile(VERSION_FILE, 'utf8'));
  await runDemo({ parts, progress, stdout: process.stdout, signal });
  return 0;
}

async function status(): Promise<number> {
  const lines = await clusterStatus();
  process.stdout.write(`${lines.length === 0 ? 'no cluster' : lines.join('\n')}\n`);
  return lines.length === 0 ? 3 : 0;
}

async function readKubeconfig(): Promise<string> {
  return await readFile(ADMIN_KUBECONFIG, 'utf8').catch(() => {
    throw new ClusterError('There is no cluster');
  });
}

async function shell(name: string | undefined, command: readonly string[]): Promise<number> {
  const node = NODES.find(candidate => candidate.name === name || machineName(candidate) === name);
  if (node === undefined) throw new ClusterError(`Name a node: ${NODES.map(candidate => candidate.name).join(', ')}`);
  const { promise, resolve } = Promise.withResolvers<number>();
  const args = [...(await enterArguments(node)), ...(command.length === 0 ? ['bash', '-i'] : command)];
  spawn('nsenter', args, { stdio: 'inherit' }).once('close', code => resolve(code ?? 1));
  return await promise;
}

async function logs(name: string | undefined): Promise<number> {
  const files = await readdir(LOG_FOLDER).catch(() => []);
  if (name === undefined) {
    process.stdout.write(`${files.map(file => file.replace(/\.log$/, '')).join('\n')}\n`);
    return 0;
  }
  const file = files.find(candidate => candidate === name || candidate === `${name}.log`);
  if (file === undefined) throw new ClusterError(`There is no log '${name}'`, files);
  const text = await readFile(join(LOG_FOLDER, file), 'utf8');
  process.stdout.write(`${lastLines(text, 200).join('\n')}\n`);
  return 0;
}
