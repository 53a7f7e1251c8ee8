import { printable } from '../../policy/printable.ts';
import type { Layout } from '../layout/layout.ts';
import type { Refusal } from '../reason.ts';
import { withBlock } from './block.ts';
import { candidateOf } from './candidate.ts';
import type { Candidate, ConfigurationChange, ContainerdConfiguration, HandlerEntry } from './configuration.ts';
import { judgeContainerdVersion, parseContainerdVersion } from './containerd-version.ts';
import { findPlace, type Place, type PlaceFacts } from './find-place.ts';
import { foreignHandlers, type HandlerOwner } from './foreign-handlers.ts';
import { changed, findFault, inspectConfiguration, ownDigest, ownHandlerNames } from './inspect-configuration.ts';
import { judgeConfiguration } from './judge-configuration.ts';
import { ownLines } from './own-lines.ts';
import { isUnion, parseToml } from './toml.ts';

/** What the configuration is, and what it is to be brought to. */
export interface ConfigurationRequest {
  readonly layout: Layout;
  /** As containerd says it, such as `1.7.24~ds1`. */
  readonly containerdVersion: string;
  readonly configuration: ContainerdConfiguration;
  /** What `config dump` prints of the configuration; where there is no root file, of `emptyRoot()`. */
  readonly dump: string;
  /** The handlers that we answer for. One that others have with gVisor's runtime type is left out: it is used as it is. */
  readonly entries: readonly HandlerEntry[];
}

const MESSAGE_LENGTH = 60;
const INLINE_TABLE = /(runtimes|containerd|plugins|io\.containerd\.[a-z0-9.]+["'])\s*=\s*\{/;
const NEW_FILE = { mode: 0o644, uid: 0, gid: 0 } as const;

/**
 * Plans the one change of one file that tells containerd of our handlers. Only bytes between our marks change, or a
 * whole file that is ours; what comes out is parsed again and compared with what was there and what was added.
 *
 * @returns undefined when everything is there already; else a refusal, with what the person can do
 */
export function planConfiguration(request: ConfigurationRequest): ConfigurationChange | Refusal | undefined {
  const { layout, containerdVersion, configuration, dump } = request;
  const unfit = judgeContainerdVersion(containerdVersion);
  const version = parseContainerdVersion(containerdVersion);
  if (unfit !== undefined || version === undefined) return unfit;
  const inspected = inspectConfiguration(configuration);
  const refusal = findFault(inspected) ?? judgeConfiguration(layout, version, configuration, inspected);
  if (refusal !== undefined) return refusal;
  const owners = foreignHandlers(
    dump,
    configuration,
    request.entries.map(({ name }) => name),
  );
  const taken = owners.find(({ owner, isOfGvisor }) => owner === 'others' && !isOfGvisor);
  if (taken !== undefined) return handlerTaken(taken);
  const entries = request.entries.filter(
    ({ name }) => !owners.some(other => other.name === name && other.owner === 'others'),
  );
  if (entries.length === 0) return undefined;
  const facts = { layout, version, configuration, inspected };
  const place = findPlace(facts);
  if ('reason' in place) return place;
  return changeAt(place, facts, { entries, dump });
}

function changeAt(
  place: Place,
  facts: PlaceFacts,
  { entries, dump }: { readonly entries: readonly HandlerEntry[]; readonly dump: string },
): ConfigurationChange | Refusal | undefined {
  const { method, path, file, folder } = place;
  const lines = ownLines(facts, place, { entries, dump });
  // A drop-in of ours follows the version of the root file.
  const isOnlyOurs = file === undefined || (method === 'drop-in' && /^version = \d+\r?\n$/.test(file.rest));
  const base = isOnlyOurs ? place.preamble : file.rest;
  const after = isOnlyOurs ? withBlock(base, lines, undefined) : withBlock(file.file.text, lines, file.block);
  if (after === file?.file.text) return undefined;
  const refusal = method === 'template' ? undefined : checkExtended(place, { base, lines, after });
  if (refusal !== undefined) return refusal;
  const candidate = candidateAt(place, facts, { lines, after });
  if ('reason' in candidate) return candidate;
  return {
    method,
    path,
    before: file?.file.text,
    after,
    attributes: file?.file.attributes ?? NEW_FILE,
    folder,
    candidate,
    entries,
    removed: ownHandlerNames(facts.inspected).filter(name => !entries.some(entry => entry.name === name)),
    sha256: ownDigest(after),
  };
}

function candidateAt(
  place: Place,
  { configuration, inspected }: PlaceFacts,
  { lines, after }: { readonly lines: string; readonly after: string },
): Candidate | Refusal {
  const { method, path } = place;
  const { rootPath, root } = configuration;
  const unreadable = unreadableImports(rootPath);
  if (method === 'template') {
    // What the template will give: what the root file holds now, and our lines.
    const base = inspected.root?.rest ?? '';
    const rendered = withBlock(base, lines, undefined);
    const refusal = checkExtended({ path: rootPath, file: undefined }, { base, lines, after: rendered });
    return refusal ?? candidateOf({ configuration, root: rendered, imported: undefined }) ?? unreadable;
  }
  if (path === rootPath) return candidateOf({ configuration, root: after, imported: undefined }) ?? unreadable;
  return candidateOf({ configuration, root: root?.text ?? '', imported: { path, text: after } }) ?? unreadable;
}

/** Parses what comes out: it must be what was there, with our lines and nothing else. */
function checkExtended(
  { path, file }: Pick<Place, 'path' | 'file'>,
  { base, lines, after }: { readonly base: string; readonly lines: string; readonly after: string },
): Refusal | undefined {
  const [old, own, result] = [parseToml(base), parseToml(lines), parseToml(after)];
  if ('tree' in old && 'tree' in own && 'tree' in result && isUnion(result.tree, old.tree, own.tree)) return undefined;
  if (file?.block !== undefined) {
    const { lastLine } = file.block;
    return changed(
      `${path}: what follows our lines, from line ${lastLine + 1} on, continues a table of ours or of the lines before`,
    );
  }
  const line = base.split('\n').findIndex(text => INLINE_TABLE.test(text)) + 1;
  return {
    reason: 'ConfigurationNotExtensible',
    sentence: `${path}${line === 0 ? '' : `:${line}`} says the handlers in a form that TOML lets nobody add a table to, such as 'runtimes = { … }'`,
    hint: 'Write each handler as a table of its own: [plugins."…".containerd.runtimes.runc]',
  };
}

function unreadableImports(path: string): Refusal {
  return {
    reason: 'ConfigurationNotExtensible',
    sentence: `${path} imports files in a way that cannot be tried out: from files that are imported themselves, or by a list that was not found in its text`,
    hint: "Let the root file name what it imports in one line, as in: imports = ['/etc/containerd/conf.d/*.toml']",
  };
}

function handlerTaken({ name, runtimeType }: HandlerOwner): Refusal {
  return {
    reason: 'HandlerTaken',
    sentence: `containerd has a handler '${name}' with the runtime type '${printable(runtimeType ?? '', MESSAGE_LENGTH)}', which is not gVisor's`,
    hint: 'Give the profile another handler, or take that one out of the configuration of containerd',
  };
}
