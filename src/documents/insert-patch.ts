import { isMap, isScalar, isSeq, type Document, type Pair } from 'yaml';
import type { PatchOperation } from '../policy/patch.ts';
import { pointerTokens } from './apply-patch.ts';
import { appendItems, insertMembers } from './block-insertion.ts';
import { appendFlowItems, type FlowContext, insertFlowMembers, renderValueOf } from './flow-insertion.ts';
import { findPair, locate, type LocatedNode, type NodePath, rangeOf } from './node-position.ts';
import type { Splice } from './splice.ts';

/** What an insertion needs to know. */
export interface PatchTarget {
  readonly text: string;
  readonly document: Document;
  /** From the root of the document to the Pod. */
  readonly path: NodePath;
}

/**
 * The changes of the text that do what a patch of a Pod does. Only `add` of members and of items at the end.
 *
 * @returns undefined when the text has no place for it, for example below a merge key
 */
export function insertPatch(target: PatchTarget, patch: readonly PatchOperation[]): readonly Splice[] | undefined {
  const splices: Splice[] = [];
  for (const { parent, additions } of groupByParent(patch)) {
    const located = locate(target.document, [...target.path, ...parent]);
    const added = located && addTo(target, located, additions);
    if (added === undefined) return undefined;
    splices.push(...added);
  }
  return splices;
}

interface Addition {
  readonly key: string;
  readonly value: unknown;
}

interface Group {
  readonly parent: readonly string[];
  readonly additions: Addition[];
}

/** What goes to the same place goes there at once. */
function groupByParent(patch: readonly PatchOperation[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { path, value } of patch) {
    const tokens = pointerTokens(path);
    const parent = tokens.slice(0, -1);
    const name = path.slice(0, path.lastIndexOf('/'));
    const group = groups.get(name) ?? { parent, additions: [] };
    group.additions.push({ key: tokens.at(-1) ?? '', value });
    groups.set(name, group);
  }
  return [...groups.values()];
}

function addTo(
  { text, document }: PatchTarget,
  { node, pair }: LocatedNode,
  additions: readonly Addition[],
): readonly Splice[] | undefined {
  const context = { text, document };
  if (isMap(node)) {
    const members: Record<string, unknown> = {};
    const splices: (Splice | undefined)[] = [];
    for (const { key, value } of additions) {
      const present = findPair(node.items, key);
      if (present === undefined) members[key] = value;
      else splices.push(fillNull(context, present, value));
    }
    if (Object.keys(members).length > 0) {
      const place = { map: node, parent: pair, members };
      splices.push(node.flow ? insertFlowMembers(context, place) : insertMembers(text, place));
    }
    return allDefined(splices);
  }
  if (!isSeq(node) || additions.some(({ key }) => key !== '-')) return undefined;
  const values = additions.map(({ value }) => value);
  return allDefined([
    node.flow ? appendFlowItems(context, { seq: node, parent: pair, values }) : appendItems(text, node, values),
  ]);
}

/** A key without a value, or with a written-out `null`, which Kubernetes takes for absent. */
function fillNull(context: FlowContext, pair: Pair, value: unknown): Splice | undefined {
  const rendered = renderValueOf(context, pair, value);
  const found = rangeOf(pair.value);
  if (isScalar(pair.value) && pair.value.value === null && found !== undefined && found.end > found.start) {
    return { ...found, text: rendered };
  }
  if (pair.value !== null && !(isScalar(pair.value) && pair.value.value === null)) return undefined;
  const separator = pair.srcToken?.sep?.findLast(({ type }) => ['map-value-ind', 'anchor', 'tag'].includes(type));
  const at = separator === undefined ? rangeOf(pair.key)?.end : separator.offset + separator.source.length;
  if (at === undefined) return undefined;
  return { start: at, end: at, text: separator === undefined ? `: ${rendered}` : ` ${rendered}` };
}

function allDefined(splices: readonly (Splice | undefined)[]): readonly Splice[] | undefined {
  return splices.every(splice => splice !== undefined) ? splices : undefined;
}
