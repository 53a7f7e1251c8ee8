import { Document, isMap, isNode, isPair, isScalar, isSeq, type Node, type Pair } from 'yaml';
import type { Manifest, Note } from './manifest.ts';

/**
 * Kubernetes and kustomize read YAML with parsers for which `on` and `0123` are no strings; whatever is ambiguous to
 * them is quoted. Lines are never folded.
 */
const OPTIONS = { version: '1.2', compat: 'yaml-1.1', aliasDuplicateObjects: false } as const;

/** Manifests as one stream of YAML documents. */
export function printStream(manifests: readonly Manifest[]): string {
  return manifests.map(manifest => `---\n${printManifest(manifest)}`).join('');
}

/**
 * One manifest as a YAML document that ends in a newline.
 *
 * @throws {RangeError} when a note's path leads nowhere
 */
export function printManifest({ object, comment, notes = [] }: Manifest): string {
  const document = new Document(object, OPTIONS);
  for (const note of notes) addNote(document.contents, note);
  return `${comment.replaceAll(/^/gm, '# ')}\n${document.toString({ lineWidth: 0 })}`;
}

function addNote(root: unknown, { path, text }: Note): void {
  let place: unknown = root;
  for (const key of path) place = childOf(isPair(place) ? place.value : place, key);
  const node = isPair(place) ? place.key : place;
  if (!isNode(node)) throw new RangeError(`a note has no place: ${path.join('.')}`);
  node.commentBefore = text.replaceAll(/^/gm, ' ');
}

function childOf(node: unknown, key: string | number): Pair | Node | undefined {
  if (isMap(node)) return node.items.find(pair => isScalar(pair.key) && pair.key.value === key);
  const item: unknown = isSeq(node) ? node.items[Number(key)] : undefined;
  return isNode(item) ? item : undefined;
}
