import { dirname } from 'node:path/posix';
import { printable } from '../../policy/printable.ts';
import { isRendered, type Layout } from '../layout/layout.ts';
import type { Refusal } from '../reason.ts';
import type { ContainerdConfiguration } from './configuration.ts';
import { type ContainerdVersion, mergesImports, newestConfigurationVersion } from './containerd-version.ts';
import { type InspectedConfiguration, inspectConfiguration, loadedFiles } from './inspect-configuration.ts';
import { stringsOf, valueAt } from './toml.ts';

/** The plugins without which containerd has no CRI; the first is the name in files of version 1. */
export const CRI_PLUGINS: readonly string[] = [
  'cri',
  'io.containerd.grpc.v1.cri',
  'io.containerd.cri.v1.runtime',
  'io.containerd.cri.v1.images',
];

const VERSION_LENGTH = 20;

/** Why nothing can be added to this configuration whatever is added; undefined when something can. */
export function judgeConfiguration(
  layout: Layout,
  version: ContainerdVersion,
  configuration: ContainerdConfiguration,
  inspected = inspectConfiguration(configuration),
): Refusal | undefined {
  return (
    judgeRendered(layout, configuration) ??
    findDisabledPlugin(inspected) ??
    (inspected.root === undefined ? undefined : judgeVersion(inspected.root.file.path, inspected, version))
  );
}

/**
 * The version of the root file, by which a section is named: in every file that it imports too. Where there is none, the
 * one that a new root file gets: the oldest that this containerd has no need to migrate the sections of, so that an
 * older containerd of the same line still reads it.
 */
export function rootVersion({ root }: InspectedConfiguration, version: ContainerdVersion): number {
  const value = root === undefined ? undefined : valueAt(root.tree, 'version');
  return typeof value === 'number' ? value : mergesImports(version) ? 3 : 2;
}

/**
 * A root file that says nothing: containerd then has its defaults, as without any. It is what `config dump` is run on
 * where there is no root file, which containerd 1 does not dump.
 */
export function emptyRoot(version: ContainerdVersion): string {
  return versionLine(mergesImports(version) ? 3 : 2);
}

/** The line by which a file of ours says its version. */
export function versionLine(version: number): string {
  return `version = ${version}\n`;
}

function judgeRendered(layout: Layout, { root, rootPath }: ContainerdConfiguration): Refusal | undefined {
  if (!isRendered(layout) || root !== undefined) return undefined;
  return {
    reason: 'ConfigurationInvalid',
    sentence: `${rootPath} is not there, and ${layout.name} writes it when it starts containerd`,
    hint: `Start ${layout.unit}, or name its data folder in the arguments of the unit: ${dirname(rootPath)} is looked at now`,
  };
}

function findDisabledPlugin(inspected: InspectedConfiguration): Refusal | undefined {
  for (const { file, tree } of loadedFiles(inspected)) {
    const plugin = stringsOf(valueAt(tree, 'disabled_plugins')).find(name => CRI_PLUGINS.includes(name));
    if (plugin === undefined) continue;
    return {
      reason: 'CRIDisabled',
      sentence: `${file.path} has '${plugin}' among its disabled_plugins, so no kubelet can use this containerd`,
      hint: "Take it out (Docker's package puts it there), or, where Pods run by another container runtime, use another node",
    };
  }
  return undefined;
}

function judgeVersion(
  path: string,
  inspected: InspectedConfiguration,
  version: ContainerdVersion,
): Refusal | undefined {
  const value = valueAt(inspected.root?.tree ?? {}, 'version');
  const newest = newestConfigurationVersion(version);
  if (value === undefined || value === 0 || value === 1) {
    return {
      reason: 'ConfigurationInvalid',
      sentence: `${path} ${value === undefined ? 'has no version, so it is of version 1' : 'is of version 1'}, where handlers are named in another way`,
      hint: "Rewrite it as a file of version 2; when it holds no plugins, the line 'version = 2' at its top is all that this takes",
    };
  }
  if (typeof value === 'number' && Number.isInteger(value) && value >= 2 && value <= newest) return undefined;
  return {
    reason: 'ConfigurationInvalid',
    sentence: `${path} has ${shown(value)} as its version, and this containerd reads none after ${newest}`,
    hint: "Look at what 'containerd config default' prints, which is of the right version",
  };
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? printable(`${value}`, VERSION_LENGTH) : 'no number';
}
