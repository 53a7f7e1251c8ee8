import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { ClusterError } from './cluster-error.ts';
import { kubernetesMinor, writeKubernetesModule } from './kubernetes-module.ts';
import { CACHE_FOLDER, REPOSITORY } from './layout.ts';
import { type ModulePatch, writePatchedModule } from './patched-module.ts';
import type { Progress } from './progress.ts';
import { runCommand } from './run-command.ts';

/** A Go module below tools/, and the programs that are built from it. */
interface GoTool {
  /** The folder below tools/. */
  readonly folder: string;
  /** The module whose version names the cache folder. */
  readonly module: string;
  /** Program name to package. */
  readonly programs: Readonly<Record<string, string>>;
  readonly linkerFlags?: (version: string) => readonly string[];
  readonly patch?: ModulePatch;
}

const KUBERNETES_PROGRAMS = [
  'kube-apiserver',
  'kubelet',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubectl',
] as const;

const GO_TOOLS = {
  kubernetes: {
    folder: 'kubernetes',
    module: 'k8s.io/kubernetes',
    programs: Object.fromEntries(KUBERNETES_PROGRAMS.map(name => [name, `k8s.io/kubernetes/cmd/${name}`])),
    linkerFlags: kubernetesVersionFlags,
  },
  gvisor: {
    folder: 'gvisor',
    module: 'gvisor.dev/gvisor',
    programs: { runsc: 'gvisor.dev/gvisor/runsc', 'containerd-shim-runsc-v1': 'gvisor.dev/gvisor/shim' },
    linkerFlags: version => [`-X gvisor.dev/gvisor/runsc/version.version=${version}`],
    patch: {
      module: 'github.com/containerd/containerd/v2',
      file: 'pkg/sys/oom_linux.go',
      replacement: 'oom_score.go.txt',
    },
  },
  containerd: {
    folder: 'containerd',
    module: 'github.com/containerd/containerd/v2',
    programs: Object.fromEntries(
      ['containerd', 'ctr', 'containerd-shim-runc-v2'].map(name => [
        name,
        `github.com/containerd/containerd/v2/cmd/${name}`,
      ]),
    ),
    linkerFlags: version => [`-X github.com/containerd/containerd/v2/version.Version=${version}`],
  },
  criTools: {
    folder: 'cri-tools',
    module: 'sigs.k8s.io/cri-tools',
    programs: { crictl: 'sigs.k8s.io/cri-tools/cmd/crictl' },
  },
  etcd: { folder: 'etcd', module: 'go.etcd.io/etcd/server/v3', programs: { etcd: 'go.etcd.io/etcd/server/v3' } },
} as const satisfies Record<string, GoTool>;

/** Where the programs of each module are, as absolute folders. */
export type ProgramFolders = Readonly<Record<keyof typeof GO_TOOLS, string>>;

/** The version of Kubernetes that was built, such as v1.37.2: it is in the name of the programs' folder. */
export function kubernetesVersion({ kubernetes }: ProgramFolders): string {
  return basename(kubernetes).slice(`${GO_TOOLS.kubernetes.folder}-`.length);
}

const BUILD_TIMEOUT_MILLISECONDS = 25 * 60_000;

/** How the programs are built. */
export interface BuildOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Such as v1.36.3; the one that tools/ pins when absent. */
  readonly kubernetesVersion?: string | undefined;
}

/** Builds what is not built yet. A folder is complete once it has its final name. @throws {ClusterError} */
export async function buildGoPrograms(options: BuildOptions): Promise<ProgramFolders> {
  await mkdir(CACHE_FOLDER, { recursive: true });
  const { kubernetes, gvisor, containerd, criTools, etcd } = GO_TOOLS;
  return {
    etcd: await buildPinned(etcd, options),
    criTools: await buildPinned(criTools, options),
    containerd: await buildPinned(containerd, options),
    gvisor: await buildPinned(gvisor, options),
    kubernetes: await buildKubernetes(kubernetes, options),
  };
}

/** A tool whose version is the one in tools/, and nothing else is built than what its go.sum names. */
async function buildPinned(tool: GoTool, options: BuildOptions): Promise<string> {
  const source = join(REPOSITORY, 'tools', tool.folder);
  const version = await pinnedVersion(join(source, 'go.mod'), tool.module);
  const folder = join(CACHE_FOLDER, `${tool.folder}-${version}`);
  if (await exists(folder)) return folder;
  const { patch } = tool;
  if (patch === undefined) {
    await build(tool, { ...options, version, folder, source, goFlags: ['-mod=readonly'] });
    return folder;
  }
  const patched = `${folder}.patched`;
  const goModule = await writePatchedModule(source, patched, patch);
  await build(tool, { ...options, version, folder, source, goFlags: ['-mod=readonly', `-modfile=${goModule}`] });
  await rm(patched, { recursive: true, force: true });
  return folder;
}

/** Kubernetes as tools/ has it, or in another version, whose module is made here. */
async function buildKubernetes(tool: GoTool, options: BuildOptions): Promise<string> {
  const { kubernetesVersion: version } = options;
  const goModule = join(REPOSITORY, 'tools', tool.folder, 'go.mod');
  if (version === undefined || version === (await pinnedVersion(goModule, tool.module))) {
    return await buildPinned(tool, options);
  }
  const folder = join(CACHE_FOLDER, `${tool.folder}-${version}`);
  if (await exists(folder)) return folder;
  const source = `${folder}.module`;
  await writeKubernetesModule(version, source);
  await build(tool, { ...options, version, folder, source, goFlags: ['-mod=mod'] });
  await rm(source, { recursive: true, force: true });
  return folder;
}

/** One build of all programs of a tool. */
interface ToolBuild extends BuildOptions {
  readonly version: string;
  /** Where the programs go. */
  readonly folder: string;
  /** The folder of go.mod. */
  readonly source: string;
  readonly goFlags: readonly string[];
}

async function build(tool: GoTool, options: ToolBuild): Promise<void> {
  const { version, folder, source, goFlags, progress, signal } = options;
  const unfinished = `${folder}.part`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  const flags = ['-s', '-w', ...(tool.linkerFlags?.(version) ?? [])].join(' ');
  for (const [name, path] of Object.entries(tool.programs)) {
    const output = ['-ldflags', flags, '-o', join(unfinished, name)];
    await progress(`building ${name} ${version}`, () =>
      runCommand('go', ['build', `-p=${cpus().length}`, ...goFlags, ...output, path], {
        cwd: source,
        environment: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
        timeout: BUILD_TIMEOUT_MILLISECONDS,
        signal,
      }),
    );
  }
  await rename(unfinished, folder);
}

/** The version of a module that a go.mod requires. @throws {ClusterError} when it requires none */
export async function pinnedVersion(goModule: string, module: string): Promise<string> {
  const text = await readFile(goModule, 'utf8');
  for (const line of text.split('\n')) {
    const words = line
      .trim()
      .replace(/^require /, '')
      .split(' ');
    if (words[0] === module && words[1]?.startsWith('v') === true) return words[1];
  }
  throw new ClusterError(`${goModule} requires no ${module}`);
}

function kubernetesVersionFlags(version: string): readonly string[] {
  const values = { gitVersion: version, gitMajor: 1, gitMinor: kubernetesMinor(version), gitTreeState: 'clean' };
  return Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
