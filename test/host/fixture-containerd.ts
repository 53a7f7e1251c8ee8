import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { HostFiles } from '../../src/node/host/host-files.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { isRendered, type Layout } from '../../src/node/layout/layout.ts';
import type { HostCommandResult } from '../../src/node/systemd/systemd.ts';
import { tryCommand } from '../cluster/run-command.ts';
import { layoutOf } from '../node/containerd-hosts.ts';
import type { ModelContainerd } from '../node/model-containerd.ts';
import { treeOf } from '../node/tree.ts';
import type { ContainerdBuild } from './containerd-builds.ts';

/**
 * Runs a program with the folder of a host as its root, in mounts of its own that nobody else sees and that end with it:
 * the program's folder is on /mnt, and its libraries are those of this machine.
 */
const IN_ROOT = `
set -e
mount --rbind /usr "$1/usr"
mount --bind "$2" "$1/mnt"
root=$1
shift 2
exec chroot "$root" "$@"
`;

/** Makes what a program of this machine needs on a host, in which nothing of it lies yet. */
export function makeMountPoints(root: string): void {
  for (const folder of ['usr', 'mnt']) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ['lib', 'lib64']) symlinkSync(`usr/${folder}`, join(root, folder));
}

/** A real containerd on a host of the fixtures: it reads the very files by the very paths, and finds its imports itself. */
export function fixtureContainerd(build: ContainerdBuild, unit: string): ModelContainerd {
  const layout = layoutOf(unit);
  const dump = createDump(build);
  let base: string | undefined;
  return {
    version: build.version,
    unit,
    command: isRendered(layout) ? [`/usr/local/bin/${layout.name}`, 'server'] : ['/usr/bin/containerd'],
    configuration: layout.configuration,
    start: async root => {
      const files = openHostFiles(root);
      const text = (await files.read(layout.configuration))?.toString('utf8');
      if (text === undefined) return await dumpOfNothing(dump, root);
      if (isRendered(layout)) {
        const template = await templateOf(files, layout);
        base ??= baseOf(text, template);
        // A function, as a text may have `$&` in it.
        const rendered = template.replace(BASE, () => base ?? '');
        writeFileSync(`${root}${await files.resolve(layout.configuration)}`, rendered);
      }
      return await dump(root, layout.configuration);
    },
    dump,
  };
}

/** Files that containerd may read, and links that may lead to them, as `treeOf()` has them. */
const READ_LINE = /^(link |file \S+ \S+ \S+\.toml )/;
const OTHER_LINE = / (opt|etc\/systemd)\//;

/** What containerd can read of a host: only these decide what it dumps. */
function filesForContainerd(root: string): string {
  return treeOf(root)
    .filter(line => READ_LINE.test(line) && !OTHER_LINE.test(line))
    .join('\n');
}

/** Runs `config dump`; the same files are not asked about twice, as that is most of the time of these tests. */
function createDump(build: ContainerdBuild): ModelContainerd['dump'] {
  const known = new Map<string, HostCommandResult>();
  return async (root, path) => {
    const key = `${path}\n${filesForContainerd(root)}`;
    const result = known.get(key) ?? (await runDump(build, root, path));
    known.set(key, result);
    return result;
  };
}

async function runDump({ program }: ContainerdBuild, root: string, path: string): Promise<HostCommandResult> {
  const containerd = [`/mnt/${basename(program)}`, '--config', path, 'config', 'dump'];
  const words = ['--mount', 'sh', '-c', IN_ROOT, 'sh', root, dirname(program), ...containerd];
  const { code, stdout, stderr } = await tryCommand('unshare', words);
  return { exitCode: code, stdout, stderr };
}

/** Without a root file every containerd starts with what it has by itself, but containerd 1 dumps that of none. */
async function dumpOfNothing(dump: ModelContainerd['dump'], root: string): Promise<HostCommandResult> {
  const path = '/nothing.toml';
  writeFileSync(join(root, path), 'version = 2\n');
  try {
    return await dump(root, path);
  } finally {
    rmSync(join(root, path));
  }
}

/** The one thing of Go's templates that those here have: k3s's own text. What is around it comes out as it is. */
const BASE = '{{ template "base" . }}';

/** k3s's own text: what it rendered, without what the template put around it. */
function baseOf(rendered: string, template: string): string {
  const [before = '', after = ''] = template.split(BASE);
  const base = rendered.slice(before.length, rendered.length - after.length);
  if (before + base + after === rendered) return base;
  throw new Error('the root file of a fixture is not what its template gives');
}

async function templateOf(files: HostFiles, { configuration }: Layout): Promise<string> {
  for (const name of ['config-v3.toml.tmpl', 'config.toml.tmpl']) {
    const bytes = await files.read(join(dirname(configuration), name));
    if (bytes !== undefined) return bytes.toString('utf8');
  }
  return BASE;
}
