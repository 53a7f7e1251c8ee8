import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGoPrograms, pinnedVersion } from '../cluster/go-programs.ts';
import { CACHE_FOLDER, REPOSITORY } from '../cluster/layout.ts';
import { ensureNodeTree } from '../cluster/node-tree.ts';
import type { Progress } from '../cluster/progress.ts';
import { runCommand } from '../cluster/run-command.ts';

/** A real containerd program on this machine. */
export interface ContainerdBuild {
  /** As it says it itself, with what the builder put around it: `1.7.24~ds1`, `2.1.9+unknown`. */
  readonly version: string;
  /** Where it is from, for a table. */
  readonly source: string;
  readonly program: string;
}

/** How the programs are obtained. */
export interface ObtainOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Told of a program that could not be had, which is no failure. */
  readonly missing: (sentence: string) => void;
}

const MODULE = 'github.com/containerd/containerd/v2';
/** Modules below tools/ that are there for these tests alone, with nothing but the containerd program. */
const MODULE_FOLDERS = ['containerd-2.2', 'containerd-2.3'] as const;
const BUILD_TIMEOUT_MILLISECONDS = 25 * 60_000;
const DOWNLOAD_TIMEOUT_MILLISECONDS = 5 * 60_000;

/** Debian suites whose containerd is looked at beside that of the nodes' tree. A mirror has one version of each. */
const DEBIAN_SUITES = ['bookworm', 'sid'] as const;

/** Every containerd that the configurations are tried with, oldest first; made once and kept. @throws {ClusterError} */
export async function obtainContainerds(options: ObtainOptions): Promise<readonly ContainerdBuild[]> {
  const { progress, signal } = options;
  await mkdir(CACHE_FOLDER, { recursive: true });
  const [old, newest] = await Promise.all(DEBIAN_SUITES.map(suite => fromDebian(suite, options)));
  const builds = [
    old,
    await identify(join(await ensureNodeTree(progress, signal), 'usr/bin/containerd'), "Debian trixie's package"),
    newest,
    ...(await fromModules(options)),
    await identify(join(await ofTheCluster(options), 'containerd'), 'Go module'),
  ];
  return builds.filter(build => build !== undefined);
}

async function fromModules({ progress, signal }: ObtainOptions): Promise<readonly ContainerdBuild[]> {
  const builds: ContainerdBuild[] = [];
  for (const folder of MODULE_FOLDERS) {
    const source = join(REPOSITORY, 'tools', folder);
    const version = await pinnedVersion(join(source, 'go.mod'), MODULE);
    const program = join(CACHE_FOLDER, `${folder}-${version}`);
    if (!(await exists(program))) {
      await progress(`building containerd ${version}`, () => build({ source, version, program, signal }));
    }
    builds.push(await identify(program, 'Go module'));
  }
  return builds;
}

async function build({
  source,
  version,
  program,
  signal,
}: {
  readonly source: string;
  readonly version: string;
  readonly program: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const flags = `-s -w -X ${MODULE}/version.Version=${version}`;
  const output = ['-ldflags', flags, '-o', `${program}.part`, `${MODULE}/cmd/containerd`];
  await runCommand('nice', ['-n', '15', 'go', 'build', '-mod=readonly', ...output], {
    cwd: source,
    environment: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
    timeout: BUILD_TIMEOUT_MILLISECONDS,
    signal,
  });
  await rename(`${program}.part`, program);
}

/** The folder of the cluster's own containerd. All programs of the cluster are built when it is not there. */
async function ofTheCluster({ progress, signal }: ObtainOptions): Promise<string> {
  const version = await pinnedVersion(join(REPOSITORY, 'tools/containerd/go.mod'), MODULE);
  const folder = join(CACHE_FOLDER, `containerd-${version}`);
  return (await exists(folder)) ? folder : (await buildGoPrograms({ progress, signal })).containerd;
}

/**
 * The program of a Debian package, unpacked and not installed: from the mirror that this machine uses, with lists of our
 * own, so that its apt stays as it is. Undefined when the package cannot be had.
 */
async function fromDebian(
  suite: string,
  { progress, signal, missing }: ObtainOptions,
): Promise<ContainerdBuild | undefined> {
  const folder = join(CACHE_FOLDER, `containerd-debian-${suite}`);
  const program = join(folder, 'usr/bin/containerd');
  const source = `Debian ${suite}'s package`;
  try {
    if (!(await exists(folder))) {
      await progress(`downloading containerd of Debian ${suite}`, () => unpackPackage({ suite, folder, signal }));
    }
    return await identify(program, source);
  } catch (error) {
    missing(`${source} of containerd could not be had: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function unpackPackage({
  suite,
  folder,
  signal,
}: {
  readonly suite: string;
  readonly folder: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const work = `${folder}.part`;
  await rm(work, { recursive: true, force: true });
  for (const name of ['lists/partial', 'cache/archives/partial', 'tree'])
    await mkdir(join(work, name), { recursive: true });
  const options = { cwd: work, timeout: DOWNLOAD_TIMEOUT_MILLISECONDS, signal };
  const mirror = (
    await runCommand('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], options)
  )
    .split('\n')
    .find(uri => uri.endsWith('/debian/'));
  const settings = [
    `Dir::Etc::SourceList=${join(work, 'sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    // Else it would leave root, and could not write here.
    'APT::Sandbox::User=root',
  ].flatMap(setting => ['-o', setting]);
  await writeFile(join(work, 'sources.list'), `deb ${mirror} ${suite} main\n`);
  await runCommand('apt-get', [...settings, 'update', '--quiet'], options);
  await runCommand('apt-get', [...settings, 'download', '--quiet', 'containerd'], options);
  const archive = (await readdir(work)).find(name => name.endsWith('.deb')) ?? '';
  await runCommand('dpkg-deb', ['-x', archive, join(work, 'tree')], options);
  await rename(join(work, 'tree'), folder);
  await rm(work, { recursive: true });
}

async function identify(program: string, source: string): Promise<ContainerdBuild> {
  const output = await runCommand(program, ['--version']);
  return { program, source, version: output.split(' ')[2] ?? '' };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
