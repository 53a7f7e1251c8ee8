import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'smol-toml';

/** A root file like Debian's, of version 2. */
export const DEFAULT_CONFIGURATION = `version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pause:local" # a comment of somebody
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;

/** A root file of containerd 2 that imports a folder. */
export const IMPORTING_CONFIGURATION = `version = 3
imports = ['/etc/containerd/conf.d/*.toml']

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
`;

/** A containerd configuration as a tree. */
export interface Tree {
  readonly [key: string]: unknown;
}

/** Merged as containerd 2 does: tables deeply, everything else replaced. */
export function merge(left: Tree, right: Tree): Tree {
  const merged: Record<string, unknown> = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const former = merged[key];
    merged[key] = isTree(former) && isTree(value) ? merge(former, value) : value;
  }
  return merged;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The table of handlers. */
export function runtimesOf(tree: Tree): Tree {
  const path = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.runtime'];
  const plugins = tree['plugins'];
  for (const section of path) {
    const plugin = isTree(plugins) ? plugins[section] : undefined;
    const containerd = isTree(plugin) ? plugin['containerd'] : undefined;
    const runtimes = isTree(containerd) ? containerd['runtimes'] : undefined;
    if (isTree(runtimes)) return runtimes;
  }
  return {};
}

/** What a containerd would dump of a root file and its imports; both are paths of the host below a folder. */
export function mergedConfiguration(folder: string, path: string): string {
  const file = join(folder, path);
  const root = existsSync(file) ? parse(readFileSync(file, 'utf8')) : parse('');
  const imports = Array.isArray(root['imports']) ? root['imports'].map(String) : [];
  const texts = imports.flatMap(pattern => {
    const imported = join(folder, dirname(pattern));
    if (!pattern.endsWith('*.toml')) return [readFileSync(join(folder, pattern), 'utf8')];
    const names = existsSync(imported) ? readdirSync(imported).filter(name => name.endsWith('.toml')) : [];
    return names.toSorted().map(name => readFileSync(join(imported, name), 'utf8'));
  });
  return stringify(texts.reduce<Tree>((tree, text) => merge(tree, parse(text)), root));
}
