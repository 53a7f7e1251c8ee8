import { dirname } from 'node:path/posix';
import {
  type ConfigurationChange,
  type ConfigurationFile,
  type ContainerdConfiguration,
  DROP_IN_NAME,
  type HandlerEntry,
  type RecordedBytes,
} from '../../src/node/containerd/configuration.ts';
import { planConfiguration } from '../../src/node/containerd/plan-configuration.ts';
import { planRemoval } from '../../src/node/containerd/plan-removal.ts';
import type { Refusal } from '../../src/node/reason.ts';
import { dumpOf, ENTRY, layoutOf } from './containerd-hosts.ts';

export const ROOT = '/etc/containerd/config.toml';
export const DROP_IN = `/etc/containerd/conf.d/${DROP_IN_NAME}`;
const ATTRIBUTES = { mode: 0o644, uid: 0, gid: 0 } as const;

/** One configuration with its containerd; files by their paths, templates among them. */
export interface Case {
  readonly containerdVersion: string;
  readonly root: string | undefined;
  /** Imported by the root file itself, in this order. */
  readonly imported?: Readonly<Record<string, string>>;
  readonly templates?: Readonly<Record<string, string>>;
  /** True when the root file imports everything in /etc/containerd/conf.d. */
  readonly hasDropInFolder?: boolean;
  readonly unit?: string;
}

/** The table of the handler that everybody has. */
export const RUNC =
  '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n';
/** containerd 1 with a root file. */
export const OLD: Case = { containerdVersion: '1.7.24', root: `version = 2\n${RUNC}` };
/** containerd 2 with a root file that imports nothing. */
export const NEW: Case = { containerdVersion: '2.4.2', root: 'version = 3\n' };
/** containerd 2 with a folder for drop-ins. */
export const IMPORTING: Case = {
  containerdVersion: '2.2.9',
  root: "version = 3\nimports = ['/etc/containerd/conf.d/*.toml']\n",
  hasDropInFolder: true,
};
/** k3s without a template. */
export const RENDERED: Case = {
  containerdVersion: '2.2.2-k3s1',
  unit: 'k3s.service',
  root: 'version = 3\n# rendered\n',
};

/** The configuration as it would be read. */
export function configurationOf({
  root,
  imported = {},
  templates = {},
  hasDropInFolder = false,
  unit,
}: Case): ContainerdConfiguration {
  const rootPath = layoutOf(unit ?? 'containerd.service').configuration;
  return {
    root: root === undefined ? undefined : fileOf(rootPath, root),
    rootPath,
    hasRootFolder: true,
    imported: Object.entries(imported).map(([path, text]) => ({ ...fileOf(path, text), name: path, isDirect: true })),
    dropInFolder: hasDropInFolder
      ? { path: '/etc/containerd/conf.d', name: '/etc/containerd/conf.d', exists: true }
      : undefined,
    templateFolder: dirname(rootPath),
    templates: Object.entries(templates).map(([path, text]) => ({ ...fileOf(path, text), name: path })),
    unloaded: undefined,
  };
}

export function fileOf(path: string, text: string): ConfigurationFile {
  return { path, text, attributes: ATTRIBUTES };
}

/** Plans for a case. */
export function plan(
  found: Case,
  entries: readonly HandlerEntry[] = [ENTRY],
  configuration = configurationOf(found),
): ConfigurationChange | Refusal | undefined {
  const { containerdVersion, unit = 'containerd.service' } = found;
  const dump = dumpOf(configuration, containerdVersion);
  return planConfiguration({ layout: layoutOf(unit), containerdVersion, configuration, dump, entries });
}

/** Plans a change, which there must be. */
export function planChange(found: Case, entries?: readonly HandlerEntry[]): ConfigurationChange {
  return expectChange(plan(found, entries));
}

/** Plans the removal of what the record names. */
export function remove(found: Case, entry: RecordedBytes): ConfigurationChange | Refusal | undefined {
  const layout = layoutOf(found.unit ?? 'containerd.service');
  return planRemoval({ layout, configuration: configurationOf(found), entry });
}

/** The case after a change, or with another text in a file. */
export function changedBy(found: Case, { path, after }: Pick<ConfigurationChange, 'path' | 'after'>): Case {
  const { imported = {}, templates = {} } = found;
  const withFile = (files: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
    const others = Object.entries(files).filter(([other]) => other !== path);
    return Object.fromEntries(after === undefined ? others : [...others, [path, after]]);
  };
  if (path === configurationOf(found).rootPath) return { ...found, root: after };
  return path.endsWith('.tmpl')
    ? { ...found, templates: withFile(templates) }
    : { ...found, imported: withFile(imported) };
}

/** What the record says after a change. */
export function recordOf({ path, sha256, before }: ConfigurationChange): RecordedBytes {
  return { path, sha256: sha256 ?? '', created: before === undefined };
}

export function expectChange(result: ConfigurationChange | Refusal | undefined): ConfigurationChange {
  if (result !== undefined && 'method' in result) return result;
  throw new Error(`no change: ${result?.sentence ?? 'nothing to do'}`);
}
