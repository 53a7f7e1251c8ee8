import { isJsonObject, type JsonObject, kindOf, member } from './json.ts';
import { printable } from './printable.ts';

/**
 * The few fields of a Pod, or of a workload's Pod template, that a decision reads. Everything is the raw parsed JSON,
 * so that fields newer than this product neither hinder nor get lost. Absent and `null` are the same: undefined.
 */
export interface Pod {
  readonly annotations: JsonObject | undefined;
  readonly spec: JsonObject;
  readonly runtimeClassName: string | undefined;
  readonly nodeName: string | undefined;
  readonly nodeSelector: JsonObject | undefined;
  readonly tolerations: readonly unknown[] | undefined;
}

/** A Pod, or what is wrong with the value that should have been one: a sentence that names the field. */
export type PodReading =
  | { readonly pod: Pod; readonly fault?: undefined }
  | { readonly pod?: undefined; readonly fault: string };

/** Containers of a Pod spec, in the order in which findings name them. */
const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** A container with its place in the Pod, such as `spec.containers[0]`. */
export interface Container {
  readonly path: string;
  readonly container: JsonObject;
}

/**
 * Reads a Pod. Only the shape of the fields that a decision reads is checked; the API server validates the rest.
 *
 * @param object the Pod as parsed JSON or YAML
 */
export function readPod(object: unknown): PodReading {
  if (!isJsonObject(object)) return { fault: mustBe('the Pod', 'an object', object) };
  const metadata = member(object, 'metadata') ?? {};
  if (!isJsonObject(metadata)) return { fault: mustBe('metadata', 'an object', metadata) };
  const spec = member(object, 'spec');
  if (!isJsonObject(spec)) return { fault: mustBe('spec', 'an object', spec) };
  const annotations = member(metadata, 'annotations');
  const runtimeClassName = member(spec, 'runtimeClassName');
  const nodeName = member(spec, 'nodeName');
  const nodeSelector = member(spec, 'nodeSelector');
  const tolerations = member(spec, 'tolerations');
  if (!isMap(annotations)) return { fault: mustBe('metadata.annotations', 'an object', annotations) };
  if (!isText(runtimeClassName)) return { fault: mustBe('spec.runtimeClassName', 'a string', runtimeClassName) };
  if (!isText(nodeName)) return { fault: mustBe('spec.nodeName', 'a string', nodeName) };
  if (!isMap(nodeSelector)) return { fault: mustBe('spec.nodeSelector', 'an object', nodeSelector) };
  if (!isList(tolerations)) return { fault: mustBe('spec.tolerations', 'an array', tolerations) };
  return (
    annotationFault(annotations) ?? {
      pod: { annotations, spec, runtimeClassName, nodeName, nodeSelector, tolerations },
    }
  );
}

/** Every container of the Pod, init and ephemeral ones too. Entries that are not objects are left out. */
export function containersOf(pod: Pod): readonly Container[] {
  return CONTAINER_LISTS.flatMap(list => objectsOf(member(pod.spec, list), `spec.${list}`));
}

/** The objects of a list with their places; whatever is no list has none. */
export function objectsOf(list: unknown, path: string): readonly Container[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((container: unknown, index) =>
    isJsonObject(container) ? [{ path: `${path}[${index}]`, container }] : [],
  );
}

function annotationFault(annotations: JsonObject | undefined): { fault: string } | undefined {
  for (const [key, value] of Object.entries(annotations ?? {})) {
    if (typeof value !== 'string') {
      return { fault: `${mustBe(`metadata.annotations["${printable(key, 100)}"]`, 'a string', value)}; quote it` };
    }
  }
  return undefined;
}

function isMap(value: unknown): value is JsonObject | undefined {
  return value === undefined || isJsonObject(value);
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function isList(value: unknown): value is readonly unknown[] | undefined {
  return value === undefined || Array.isArray(value);
}

function mustBe(what: string, wanted: string, found: unknown): string {
  return `${what} must be ${wanted}, found ${kindOf(found)}`;
}
