import { dirname, isAbsolute, join, normalize } from 'node:path/posix';
import { printable } from '../../policy/printable.ts';
import type { JsonObject } from '../../policy/json.ts';
import type { HostFiles } from '../host/host-files.ts';
import { isRendered, type Layout } from '../layout/layout.ts';
import { NodeError } from '../node-error.ts';
import {
  type ConfigurationFile,
  type ContainerdConfiguration,
  DROP_IN_NAME,
  type DropInFolder,
  type ImportedFile,
  type NamedFile,
} from './configuration.ts';
import { expandPattern, isPattern, isPatternSegment, matchesSegment } from './glob.ts';
import { parseToml, stringsOf, valueAt } from './toml.ts';

/** What is read of the host's files. */
type ReadableFiles = Pick<HostFiles, 'resolve' | 'read' | 'status' | 'list'>;

const TEMPLATE_NAMES = ['config-v3.toml.tmpl', 'config.toml.tmpl'] as const;
const MESSAGE_LENGTH = 200;

/**
 * Reads a containerd's configuration as it lies on the disk: the root file, what it imports and, for k3s and RKE2, the
 * templates.
 *
 * @param recordedPath the file that the record names; it is read also when containerd does not load it
 * @throws {NodeError} ConfigurationInvalid, with file, line and column
 */
export async function readConfiguration(
  files: ReadableFiles,
  layout: Layout,
  recordedPath?: string,
): Promise<ContainerdConfiguration> {
  const rootPath = await files.resolve(layout.configuration);
  const root = await readFile(files, layout.configuration);
  const imports = root === undefined ? [] : importsOf(root, treeOf(root), layout.configuration);
  const imported = await readImported(files, layout.configuration, imports);
  const templates = isRendered(layout) ? await readTemplates(files, layout) : [];
  const loaded = [root, ...imported, ...templates].some(file => file?.path === recordedPath);
  return {
    root,
    rootPath,
    hasRootFolder: (await files.status(dirname(rootPath))) !== undefined,
    imported,
    dropInFolder: await findDropInFolder(files, imports),
    templateFolder: await files.resolve(dirname(layout.configuration)),
    templates,
    unloaded: recordedPath === undefined || loaded ? undefined : await readFile(files, recordedPath),
  };
}

/** The files that are loaded after the root file, in the order in which containerd takes them: level by level. */
async function readImported(
  files: ReadableFiles,
  rootName: string,
  imports: readonly string[],
): Promise<readonly ImportedFile[]> {
  const imported = new Map<string, ImportedFile>();
  const pending = await expandImports(files, imports, { isDirect: true });
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const { name, isDirect } = next;
    if (name === rootName || imported.has(name)) continue;
    const file = await readFile(files, name);
    if (file === undefined) throw missingImport(name);
    imported.set(name, { ...file, name, isDirect });
    pending.push(...(await expandImports(files, importsOf(file, treeOf(file), name), { isDirect: false })));
  }
  return [...imported.values()];
}

async function expandImports(
  files: ReadableFiles,
  imports: readonly string[],
  { isDirect }: { readonly isDirect: boolean },
): Promise<{ readonly name: string; readonly isDirect: boolean }[]> {
  const names: string[] = [];
  for (const path of imports) names.push(...(isPattern(path) ? await expandPattern(files, path) : [path]));
  return names.map(name => ({ name, isDirect }));
}

/** The entries of `imports`, as absolute paths: relative ones begin at the folder of the file that has them. */
function importsOf({ path }: ConfigurationFile, tree: JsonObject, name: string): readonly string[] {
  const value = valueAt(tree, 'imports');
  const imports = stringsOf(value);
  if (value !== undefined && (!Array.isArray(value) || imports.length !== value.length)) {
    throw invalid(`${path} has an 'imports' that is no list of texts`, 'Make it a list of paths');
  }
  return imports.map(entry => (isAbsolute(entry) ? normalize(entry) : join(dirname(name), entry)));
}

/** The first folder that is imported by a pattern which a drop-in of ours fits, one that exists if there is any. */
async function findDropInFolder(files: ReadableFiles, imports: readonly string[]): Promise<DropInFolder | undefined> {
  const folders: DropInFolder[] = [];
  for (const pattern of imports.filter(isPattern)) {
    const name = dirname(pattern);
    const segment = pattern.slice(pattern.lastIndexOf('/') + 1);
    if (name.split('/').some(isPatternSegment) || !matchesSegment(segment, DROP_IN_NAME)) continue;
    const path = await files.resolve(name);
    const status = await files.status(path);
    const parent = await files.status(dirname(path));
    if (status === undefined ? parent !== undefined : status.kind === 'folder') {
      folders.push({ name, path, exists: status !== undefined });
    }
  }
  return folders.find(({ exists }) => exists) ?? folders[0];
}

async function readTemplates(files: ReadableFiles, layout: Layout): Promise<readonly NamedFile[]> {
  const folder = dirname(layout.configuration);
  const templates: NamedFile[] = [];
  for (const name of TEMPLATE_NAMES.map(template => join(folder, template))) {
    const file = await readFile(files, name);
    if (file !== undefined) templates.push({ ...file, name });
  }
  return templates;
}

/** A text file, links followed; undefined when it is not there. @throws {NodeError} ConfigurationInvalid */
async function readFile(files: ReadableFiles, name: string): Promise<ConfigurationFile | undefined> {
  const path = await files.resolve(name);
  const status = await files.status(path);
  if (status === undefined) return undefined;
  if (status.kind !== 'file')
    throw invalid(`${name} is no file`, 'Put a file of containerd there, or import another one');
  const bytes = await files.read(path);
  if (bytes === undefined) return undefined;
  const { mode, uid, gid } = status;
  return { path, text: decode(bytes, path), attributes: { mode, uid, gid } };
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const { line, column } = firstDifference(bytes);
    throw invalid(`${path}:${line}:${column} is no UTF-8, and TOML is nothing else`, 'Write the file in UTF-8');
  }
}

/** Where decoding and encoding again changes a byte: at the first one that is no UTF-8. */
function firstDifference(bytes: Buffer): { readonly line: number; readonly column: number } {
  const again = Buffer.from(bytes.toString('utf8'), 'utf8');
  const position = bytes.findIndex((byte, index) => again[index] !== byte);
  const before = bytes
    .subarray(0, position === -1 ? bytes.length : position)
    .toString('utf8')
    .split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function treeOf({ path, text }: ConfigurationFile): JsonObject {
  const result = parseToml(text);
  if ('tree' in result) return result.tree;
  const { line, column, what } = result.fault;
  throw invalid(
    `${path}:${line}:${column} is no TOML: ${printable(what, MESSAGE_LENGTH)}`,
    'Repair the file: containerd would not start with it either',
  );
}

function missingImport(name: string): NodeError {
  return invalid(
    `'imports' name ${name}, which is not there: containerd does not start then, or loads nothing that comes after it`,
    'Make the file, or take it out of imports',
  );
}

function invalid(sentence: string, hint: string): NodeError {
  return new NodeError('NodeRefused', { reason: 'ConfigurationInvalid', sentence, hint });
}
