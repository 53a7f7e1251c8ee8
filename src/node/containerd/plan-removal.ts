import type { Layout } from '../layout/layout.ts';
import type { Refusal } from '../reason.ts';
import { candidateOf } from './candidate.ts';
import type { Candidate, ConfigurationChange, ContainerdConfiguration, RecordedBytes } from './configuration.ts';
import { methodOf, TEMPLATE_PREAMBLE } from './find-place.ts';
import {
  changed,
  findFault,
  type InspectedConfiguration,
  type InspectedFile,
  inspectConfiguration,
  linesOf,
  loadedFiles,
  ownDigest,
  ownFiles,
  ownHandlerNames,
} from './inspect-configuration.ts';
import { versionLine } from './judge-configuration.ts';
import { isUnion, parseToml } from './toml.ts';

/** Where our bytes are, and what the record says of them. */
export interface RemovalRequest {
  readonly layout: Layout;
  readonly configuration: ContainerdConfiguration;
  readonly entry: RecordedBytes;
}

/** A root file that says nothing, which every containerd reads. */
const EMPTY_ROOT = versionLine(2);

/**
 * Plans the removal of exactly our bytes: what others wrote around them stays as it is. A file that was not there before
 * us goes, if nothing else is in it.
 *
 * @returns undefined when nothing of ours is there; EntryChanged when our bytes are no longer those of the record
 */
export function planRemoval({
  layout,
  configuration,
  entry,
}: RemovalRequest): ConfigurationChange | Refusal | undefined {
  const inspected = inspectConfiguration(configuration);
  const file = [...loadedFiles(inspected), ...inspected.templates, inspected.unloaded].find(
    other => other?.file.path === entry.path,
  );
  const refusal = findFault(inspected) ?? findOthers(inspected, layout, entry);
  if (refusal !== undefined) return refusal;
  if (file === undefined) return undefined;
  const isEmpty = entry.created && isPreamble(file.rest);
  if (file.block === undefined && !isEmpty) return undefined;
  const fault = file.block === undefined ? undefined : judgeBytes(file, inspected, entry);
  if (fault !== undefined) return fault;
  const { path, text, attributes } = file.file;
  const after = isEmpty ? undefined : file.rest;
  const candidate = candidateWithout(file, inspected, { configuration, after });
  if (candidate === undefined) return changed(`${path} is imported in a way that cannot be tried out`);
  return {
    method: methodOf(file, inspected),
    path,
    before: text,
    after,
    attributes,
    folder: undefined,
    candidate,
    entries: [],
    removed: ownHandlerNames(inspected),
    sha256: undefined,
  };
}

/** Lines of ours in a file that the record does not name: nothing proves that they are those that we wrote. */
function findOthers(inspected: InspectedConfiguration, layout: Layout, { path }: RecordedBytes): Refusal | undefined {
  const other = ownFiles(inspected, layout).find(({ file }) => file.path !== path);
  if (other === undefined) return undefined;
  return changed(
    `lines ${linesOf(other.block)} of ${other.file.path} are marked as ours, and the record names ${path} instead`,
  );
}

function judgeBytes(
  file: InspectedFile,
  inspected: InspectedConfiguration,
  { sha256 }: RecordedBytes,
): Refusal | undefined {
  const { path, text } = file.file;
  if (ownDigest(text) !== sha256) {
    return changed(`lines ${linesOf(file.block)} of ${path} are marked as ours and are not as we wrote them`);
  }
  if (!loadedFiles(inspected).includes(file)) return undefined;
  const [whole, own] = [parseToml(text), parseToml(text.slice(file.block?.start, file.block?.end))];
  if ('tree' in whole && 'tree' in own && isUnion(whole.tree, file.tree, own.tree)) return undefined;
  return changed(
    `${path}: what follows our lines ${linesOf(file.block)} continues a table of ours, and would continue another one without them`,
  );
}

/** True for what a new file of ours says before our lines, and for nothing at all. */
function isPreamble(rest: string): boolean {
  return rest === '' || rest === TEMPLATE_PREAMBLE || /^version = \d+\r?\n$/.test(rest);
}

function candidateWithout(
  file: InspectedFile,
  { root, imported, templates }: InspectedConfiguration,
  { configuration, after }: { readonly configuration: ContainerdConfiguration; readonly after: string | undefined },
): Candidate | undefined {
  if (templates.some(template => template === file)) {
    return candidateOf({ configuration, root: root?.rest ?? EMPTY_ROOT, imported: undefined });
  }
  if (file === root)
    return candidateOf({ configuration, root: file.rest === '' ? EMPTY_ROOT : file.rest, imported: undefined });
  const change = imported.some(other => other === file) ? { path: file.file.path, text: after } : undefined;
  return candidateOf({ configuration, root: root?.file.text ?? EMPTY_ROOT, imported: change });
}
