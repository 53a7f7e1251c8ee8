import { isDeepStrictEqual } from 'node:util';
import { isScalar, visit } from 'yaml';
import type { Decision } from '../policy/decision.ts';
import { escapePointerToken, type PatchOperation } from '../policy/patch.ts';
import type { Pod } from '../policy/pod.ts';
import { applyPatch } from './apply-patch.ts';
import { insertPatch } from './insert-patch.ts';
import { type ManifestDocument, parseDocuments } from './parse-documents.ts';
import {
  formatObject,
  formatPlace,
  invalidDocument,
  type ManifestPod,
  type Manifests,
  type Place,
  readManifests,
} from './read-manifests.ts';
import { applySplices, type Splice } from './splice.ts';

const MERGE_KEY = '<<';

/** The decision for one Pod of a text. */
export interface PodDecision {
  /** Where the object that holds the Pod stands. */
  readonly place: Place;
  readonly decision: Decision;
}

/** A text after injection. */
export interface Injection {
  /** The input with every patch written into it; every other byte is as it was. */
  readonly output: string;
  /** One for each Pod or Pod template, in reading order. */
  readonly results: readonly PodDecision[];
}

/** Asks for the decision for a Pod. */
export type Ask = (pod: Pod, place: Place) => Decision;

/**
 * Writes the patches of decisions into manifests. Denied Pods are left as they are: what to do about them is the
 * caller's business.
 *
 * @param file what to call the input in places and faults
 * @throws {UserError} DocumentInvalid when the text cannot be read, or has no place for a patch
 */
export function injectText(text: string, { file, ask }: { readonly file: string; readonly ask: Ask }): Injection {
  return injectManifests(readManifests(text, file), ask);
}

/**
 * The same for manifests that were read.
 *
 * @throws {UserError} DocumentInvalid when the text has no place for a patch
 */
export function injectManifests(manifests: Manifests, ask: Ask): Injection {
  const decided = manifests.pods.map(found => ({ found, decision: ask(found.pod, found.place) }));
  const changes = decided.flatMap(({ found, decision: { patch } }) => (patch.length === 0 ? [] : [{ found, patch }]));
  return {
    output: changes.length === 0 ? manifests.text : writeChanges(manifests, changes),
    results: decided.map(({ found: { place }, decision }) => ({ place, decision })),
  };
}

interface Change {
  readonly found: ManifestPod;
  readonly patch: readonly PatchOperation[];
}

function writeChanges(manifests: Manifests, changes: readonly Change[]): string {
  const splices: Splice[] = [];
  const refused: ManifestPod[] = [];
  for (const { found, patch } of changes) {
    const target = { text: manifests.text, document: found.document.tree, path: found.path };
    const inserted = insertPatch(target, patch);
    if (inserted === undefined) refused.push(found);
    else splices.push(...inserted);
  }
  if (refused.length > 0) throw refusal(manifests, refused);
  const output = applySplices(manifests.text, splices);
  const wrong = wrongDocuments(manifests, output, changes);
  if (wrong.length > 0) {
    const blamed = changes.map(({ found }) => found).filter(({ document }) => wrong.includes(document));
    throw refusal(manifests, blamed);
  }
  return output;
}

/** The documents in which the output says something else than the patches do; all of them if they are not the same ones. */
function wrongDocuments(
  { documents }: Manifests,
  output: string,
  changes: readonly Change[],
): readonly ManifestDocument[] {
  const written = parseDocuments(output).documents;
  if (written.length !== documents.length) return documents;
  const changesOf = Map.groupBy(changes, ({ found }) => found.document);
  return documents.filter((document, index) => {
    const patch = (changesOf.get(document) ?? []).flatMap(patchOfDocument);
    return !isDeepStrictEqual(applyPatch(document.value, patch), written[index]?.value);
  });
}

/** The patch of a Pod as one of the whole document. */
function patchOfDocument({ found, patch }: Change): readonly PatchOperation[] {
  const prefix = found.path.map(token => `/${escapePointerToken(String(token))}`).join('');
  return patch.map(operation => ({ ...operation, path: prefix + operation.path }));
}

function refusal({ file }: Manifests, pods: readonly ManifestPod[]) {
  const lines = pods.map(
    ({ place }) => `${formatPlace(place)}: ${formatObject(place)}: no place to insert without changing something else`,
  );
  return invalidDocument(
    file,
    lines,
    pods.some(({ document }) => hasAliases(document))
      ? 'Aliases (*name) and merge keys (<<) share parts of this document; write the shared parts out in each Pod'
      : 'Write spec, nodeSelector and tolerations in plain YAML, each on lines of its own',
  );
}

function hasAliases({ tree }: ManifestDocument): boolean {
  let found = false;
  visit(tree, {
    Alias: () => {
      found = true;
      return visit.BREAK;
    },
    Pair: (_, { key }) => {
      found ||= isScalar(key) && key.value === MERGE_KEY;
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}
