import { UserError } from '../errors/user-error.ts';
import { isJsonObject, type JsonObject, member } from '../policy/json.ts';
import { type Pod, readPod } from '../policy/pod.ts';
import { printable } from '../policy/printable.ts';
import { findObjects, type ManifestObject, podPathOf } from './find-objects.ts';
import { type NodePath, offsetOf, positionAt } from './node-position.ts';
import { type DocumentFault, type ManifestDocument, parseDocuments } from './parse-documents.ts';

/**
 * The documents room: finds the Pods in streams of YAML and JSON, and inserts into them without touching another byte.
 * Everything is text in, text out; faults are a `UserError` DocumentInvalid with one `file:line:column: …` line each.
 */
export interface Manifests {
  /** What to call the input in messages. */
  readonly file: string;
  readonly text: string;
  readonly documents: readonly ManifestDocument[];
  /** Every object of whatever kind, in reading order. */
  readonly objects: readonly PlacedObject[];
  /** Every Pod and Pod template, in reading order. */
  readonly pods: readonly ManifestPod[];
}

/** Where an object stands and what it is. */
export interface Place {
  readonly file: string;
  /** Line and column of the object's first key, from 1. */
  readonly line: number;
  readonly column: number;
  /** Kind of the object, such as `Deployment`. */
  readonly kind: string;
  /** `default` where the object names none. */
  readonly namespace: string;
  /** A prefix with `*` where the API server makes the name; empty where there is neither. */
  readonly name: string;
}

/** An object with its place. */
export interface PlacedObject {
  readonly place: Place;
  readonly object: ManifestObject;
  readonly document: ManifestDocument;
}

/** A Pod or Pod template. */
export interface ManifestPod {
  /** That of the object which holds it. */
  readonly place: Place;
  readonly pod: Pod;
  /** The raw labels of the Pod or template. */
  readonly labels: JsonObject | undefined;
  readonly document: ManifestDocument;
  /** From the root of the document. */
  readonly path: NodePath;
}

/**
 * Reads a stream of YAML documents, or one JSON document, and finds its Pods and Pod templates.
 *
 * @param file what to call the input in faults
 * @throws {UserError} DocumentInvalid with every fault of syntax, or of the shape of a Pod
 */
export function readManifests(text: string, file: string): Manifests {
  const { documents, faults, lineCounter } = parseDocuments(text);
  const place = (offset: number) => ({ file, ...positionAt(lineCounter, offset) });
  const objects = documents.flatMap(document =>
    findObjects(document.value).map((object): PlacedObject => {
      const { kind, namespace, name } = object;
      const offset = offsetOf(document.tree.contents, { path: object.path });
      return { object, document, place: { ...place(offset), kind, namespace, name } };
    }),
  );
  const readings = objects.flatMap(readPodOf);
  const allFaults = [...faults, ...readings.filter(reading => 'message' in reading)];
  if (allFaults.length > 0) {
    const lines = allFaults
      .toSorted((left, right) => left.offset - right.offset)
      .map(({ offset, message }) => `${formatPlace(place(offset))}: ${message}`);
    const isTemplate = faults.length > 0 && text.includes('{{');
    throw invalidDocument(file, lines, isTemplate ? 'Render templates before they come here' : undefined);
  }
  return { file, text, documents, objects, pods: readings.filter(reading => 'pod' in reading) };
}

/** The error for an input with faults. */
export function invalidDocument(file: string, details: readonly string[], hint?: string): UserError {
  const faults = details.length === 1 ? 'a fault' : `${details.length} faults`;
  return new UserError('DocumentInvalid', `Cannot use '${printable(file, 200)}': ${faults}`, {
    details,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** `file:line:column`. */
export function formatPlace({ file, line, column }: Pick<Place, 'file' | 'line' | 'column'>): string {
  return `${printable(file, 200)}:${line}:${column}`;
}

/** `kind/name`. */
export function formatObject({ kind, name }: Pick<Place, 'kind' | 'name'>): string {
  return printable(`${kind}/${name === '' ? '(no name)' : name}`, 300);
}

function readPodOf({ object, place, document }: PlacedObject): readonly (ManifestPod | DocumentFault)[] {
  const podPath = podPathOf(object);
  if (podPath === undefined) return [];
  const raw = valueAt(object.value, podPath);
  const path = [...object.path, ...podPath];
  const { pod, fault } = readPod(raw);
  if (pod === undefined) {
    const holder = podPath.length === 0 ? '' : `${podPath.join('.')}: `;
    const offset = offsetOf(document.tree.contents, { path: [...path, ...fieldPath(fault)] });
    return [{ offset, message: `${formatObject(place)}: ${holder}${fault}` }];
  }
  const labels = valueAt(raw, ['metadata', 'labels']);
  return [{ place, pod, document, path, labels: isJsonObject(labels) ? labels : undefined }];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce((holder, key) => (isJsonObject(holder) ? member(holder, key) : undefined), value);
}

/** A fault of a Pod begins with its field, such as `spec.nodeSelector`, or with `the Pod`. */
function fieldPath(fault: string): readonly string[] {
  return /^(metadata|spec)(\.[A-Za-z]+)*/.exec(fault)?.[0].split('.') ?? [];
}
