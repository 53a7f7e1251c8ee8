import { basename, dirname, join } from 'node:path/posix';
import { isRendered, type Layout } from '../layout/layout.ts';
import type { Refusal } from '../reason.ts';
import { type ConfigurationMethod, type ContainerdConfiguration, DROP_IN_NAME } from './configuration.ts';
import { type ContainerdVersion, mergesImports } from './containerd-version.ts';
import { CRI_SECTION_2 } from './handler-tables.ts';
import {
  changed,
  type InspectedConfiguration,
  type InspectedFile,
  linesOf,
  loadedFiles,
  ownFiles,
} from './inspect-configuration.ts';
import { rootVersion, versionLine } from './judge-configuration.ts';
import { valueAt } from './toml.ts';

/** Where our lines go. */
export interface Place {
  readonly method: ConfigurationMethod;
  /** The file, without symbolic links. */
  readonly path: string;
  /** The file as it is; undefined when it is not there. */
  readonly file: InspectedFile | undefined;
  /** What a new file says before our lines. */
  readonly preamble: string;
  /** A folder that must be made first. */
  readonly folder: string | undefined;
}

/** What decides where our lines go. */
export interface PlaceFacts {
  readonly layout: Layout;
  readonly version: ContainerdVersion;
  readonly configuration: ContainerdConfiguration;
  readonly inspected: InspectedConfiguration;
}

/** The first line of a template of ours: what k3s or RKE2 would render without it (docs.k3s.io: advanced, 'base'). */
export const TEMPLATE_PREAMBLE = '{{ template "base" . }}\n';

/**
 * Where our lines go: where they are, else by the layout and the version of containerd.
 *
 * @returns EntryChanged when they are where they have no effect, or do harm
 */
export function findPlace(facts: PlaceFacts): Place | Refusal {
  const { layout, inspected } = facts;
  const { unloaded } = inspected;
  const [own, second] = ownFiles(inspected, layout);
  if (own !== undefined && second !== undefined) {
    const places = [own, second].map(({ file, block }) => `${file.path} (lines ${linesOf(block)})`);
    return changed(`there are lines of ours in two files: ${places.join(' and ')}`);
  }
  if (unloaded?.block !== undefined) {
    return misplaced(unloaded, 'containerd no longer loads');
  }
  const wanted = wantedPlace(facts);
  if (own === undefined || own.file.path === wanted.path) return wanted;
  if (isWholeCri(facts))
    return misplaced(own, `containerd 1 no longer takes its handlers from, but from ${wanted.path}`);
  const template = isTemplate(own, inspected) ? templatePlace(facts) : undefined;
  if (template !== undefined && template.path !== own.file.path) {
    return misplaced(own, `${layout.name} no longer renders from, but from ${template.path}`);
  }
  return placeOf(own, facts);
}

/** Lines of ours that were left behind: the old place is given up by an uninstall. */
function misplaced({ file, block }: InspectedFile, why: string): Refusal {
  return {
    reason: 'EntryChanged',
    sentence: `lines ${linesOf(block)} of ${file.path} are ours, and that is a file which ${why}`,
    hint: 'Run uninstall, which takes them out, and install again',
  };
}

function wantedPlace(facts: PlaceFacts): Place {
  const { layout, version, configuration, inspected } = facts;
  const { dropInFolder } = configuration;
  if (mergesImports(version) && dropInFolder !== undefined) {
    const path = join(dropInFolder.path, DROP_IN_NAME);
    const file = inspected.imported.find(({ file: { path: other } }) => other === path);
    const folder = dropInFolder.exists ? undefined : dropInFolder.path;
    return { method: 'drop-in', path, file, preamble: versionLine(rootVersion(inspected, version)), folder };
  }
  if (isRendered(layout)) return templatePlace(facts);
  return rootPlace(facts);
}

/**
 * The template from which the root file is rendered: by its version, as k3s does (docs.k3s.io: advanced; the old
 * template gives a file of version 2, also for containerd 2).
 */
function templatePlace({ configuration, inspected, version }: PlaceFacts): Place {
  const name = rootVersion(inspected, version) >= 3 ? 'config-v3.toml.tmpl' : 'config.toml.tmpl';
  const file = inspected.templates.find(({ file: { name: own } }) => basename(own) === name);
  const path = file?.file.path ?? join(configuration.templateFolder, name);
  return { method: 'template', path, file, preamble: TEMPLATE_PREAMBLE, folder: undefined };
}

/**
 * The root file, or on containerd 1 the last file that has a table of CRI: there each file replaces the whole of it, so
 * that one alone counts.
 */
function rootPlace({ configuration, inspected, version }: PlaceFacts): Place {
  const last = mergesImports(version) ? undefined : loadedFiles(inspected).findLast(hasCri);
  const file = last ?? inspected.root;
  const folder = configuration.hasRootFolder ? undefined : dirname(configuration.rootPath);
  const preamble = versionLine(rootVersion(inspected, version));
  return { method: 'block', path: file?.file.path ?? configuration.rootPath, file, preamble, folder };
}

function placeOf(file: InspectedFile, { inspected, version }: PlaceFacts): Place {
  const preamble = versionLine(rootVersion(inspected, version));
  return { method: methodOf(file, inspected), path: file.file.path, file, preamble, folder: undefined };
}

/** How our lines are in a file that holds them. */
export function methodOf(file: InspectedFile, inspected: InspectedConfiguration): ConfigurationMethod {
  if (isTemplate(file, inspected)) return 'template';
  return inspected.root !== file && basename(file.file.path) === DROP_IN_NAME ? 'drop-in' : 'block';
}

function isTemplate(file: InspectedFile, { templates }: InspectedConfiguration): boolean {
  return templates.some(template => template === file);
}

function isWholeCri({ version, layout }: PlaceFacts): boolean {
  return !mergesImports(version) && !isRendered(layout);
}

function hasCri({ tree }: InspectedFile): boolean {
  return valueAt(tree, 'plugins', CRI_SECTION_2) !== undefined;
}
