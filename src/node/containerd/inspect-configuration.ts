import type { JsonObject } from '../../policy/json.ts';
import { RELEASES_FOLDER } from '../host/host.ts';
import { sha256Of } from '../host/sha256.ts';
import { isRendered, type Layout } from '../layout/layout.ts';
import type { Refusal } from '../reason.ts';
import { type Block, findBlock, withoutBlock } from './block.ts';
import type { ConfigurationFile, ContainerdConfiguration, ImportedFile, NamedFile } from './configuration.ts';
import { handlerTables, isOfGvisor } from './handler-tables.ts';
import { parseToml, tableAt } from './toml.ts';

/** How every path below a release of ours begins. */
const RELEASE = `${RELEASES_FOLDER}/`;

/** A file of the configuration, taken apart into what is ours and the rest. */
export interface InspectedFile<File extends ConfigurationFile = ConfigurationFile> {
  readonly file: File;
  /** Our lines; undefined when there are none. */
  readonly block: Block | undefined;
  /** The text without our lines. */
  readonly rest: string;
  /** The rest as a value; empty for a template, which is no TOML. */
  readonly tree: JsonObject;
  /** The tables of the handlers in our lines. */
  readonly tables: JsonObject;
  /** Why our lines cannot be told from the rest. */
  readonly fault: Refusal | undefined;
}

/** The configuration, taken apart. */
export interface InspectedConfiguration {
  readonly root: InspectedFile | undefined;
  readonly imported: readonly InspectedFile<ImportedFile>[];
  readonly templates: readonly InspectedFile<NamedFile>[];
  readonly unloaded: InspectedFile | undefined;
}

/** Takes a configuration apart. */
export function inspectConfiguration(configuration: ContainerdConfiguration): InspectedConfiguration {
  const { root, imported, templates, unloaded } = configuration;
  return {
    root: root === undefined ? undefined : inspectFile(root, { isToml: true }),
    imported: imported.map(file => inspectFile(file, { isToml: true })),
    templates: templates.map(file => inspectFile(file, { isToml: false })),
    unloaded: unloaded === undefined ? undefined : inspectFile(unloaded, { isToml: false }),
  };
}

/** The files that containerd loads, in the order of loading. */
export function loadedFiles({ root, imported }: InspectedConfiguration): readonly InspectedFile[] {
  return root === undefined ? imported : [root, ...imported];
}

/** The files that hold lines of ours and last: not the root file of k3s and RKE2, which is made from the others. */
export function ownFiles(inspected: InspectedConfiguration, layout: Layout): readonly InspectedFile[] {
  const { root, imported, templates } = inspected;
  const files = [...(root === undefined || isRendered(layout) ? [] : [root]), ...imported, ...templates];
  return files.filter(({ block }) => block !== undefined);
}

/** Names of our handlers in the configuration. */
export function ownHandlerNames(inspected: InspectedConfiguration): readonly string[] {
  const { templates } = inspected;
  const names = [...loadedFiles(inspected), ...templates].flatMap(({ tables }) =>
    Object.keys(tables).filter(name => isOfGvisor(tables[name])),
  );
  return [...new Set(names)];
}

/** The SHA-256 of our bytes in a text; undefined when there are none. */
export function ownDigest(text: string): string | undefined {
  const block = findBlock(text);
  return block === undefined || 'fault' in block ? undefined : sha256Of(text.slice(block.start, block.end));
}

/**
 * What is wrong with our lines in any of the files: they cannot be told from the rest, or a handler that points at one of
 * our releases is outside of them (a program that writes TOML anew leaves comments out, and our markers are comments).
 */
export function findFault(inspected: InspectedConfiguration): Refusal | undefined {
  const files = [...loadedFiles(inspected), ...inspected.templates, inspected.unloaded];
  for (const file of files) {
    const fault =
      file === undefined ? undefined : (file.fault ?? findStray(file, { isToml: isLoaded(file, inspected) }));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isLoaded(file: InspectedFile, inspected: InspectedConfiguration): boolean {
  return loadedFiles(inspected).includes(file);
}

function inspectFile<File extends ConfigurationFile>(
  file: File,
  { isToml }: { readonly isToml: boolean },
): InspectedFile<File> {
  const { path, text } = file;
  const block = findBlock(text);
  if (block !== undefined && 'fault' in block) {
    return { file, block: undefined, rest: text, tree: {}, tables: {}, fault: changed(`${path}: ${block.fault}`) };
  }
  const rest = block === undefined ? text : withoutBlock(text, block);
  const tables = block === undefined ? {} : tablesOf(text.slice(block.start, block.end));
  const result = isToml ? parseToml(rest) : { tree: {} };
  if ('tree' in result) return { file, block, rest, tree: result.tree, tables, fault: undefined };
  const { line, what } = result.fault;
  const fault = changed(`${path}: without our lines ${linesOf(block)} it is no TOML from line ${line} on (${what})`);
  return { file, block, rest, tree: {}, tables, fault };
}

function tablesOf(text: string): JsonObject {
  const result = parseToml(text);
  return 'tree' in result ? handlerTables(result.tree) : {};
}

function findStray({ file, tree, rest }: InspectedFile, { isToml }: { readonly isToml: boolean }): Refusal | undefined {
  const tables = handlerTables(tree);
  const isStray = isToml
    ? Object.keys(tables).some(name => isOfRelease(tableAt(tables, name)))
    : rest.includes(RELEASE);
  if (!isStray) return undefined;
  const line = rest.split('\n').findIndex(text => text.includes(RELEASE)) + 1;
  return changed(
    `${file.path}:${line} points at a release of ours and is not between our marks, which are comments: a program that wrote the file anew may have left them out`,
  );
}

function isOfRelease({ runtime_path: shim }: JsonObject): boolean {
  return typeof shim === 'string' && shim.startsWith(RELEASE);
}

/** The lines of a block, as in `7 to 15`. */
export function linesOf(block: Block | undefined): string {
  return block === undefined ? '' : `${block.firstLine} to ${block.lastLine}`;
}

/** The refusal that leaves lines of ours which somebody else changed to a person. */
export function changed(sentence: string): Refusal {
  return {
    reason: 'EntryChanged',
    sentence,
    hint: 'Look at the file, take the lines of ours out by hand, and run it again',
  };
}
