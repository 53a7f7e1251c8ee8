import { isJsonObject, type JsonObject, member } from '../policy/json.ts';

/** An object as the API server sent it: its identity was looked at, the rest is what it is. */
export interface KubeObject {
  readonly name: string;
  /** Undefined for an object of a cluster. */
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The whole object. */
  readonly content: JsonObject;
}

/** Objects of a kind as they were at one moment. */
export interface KubeList {
  /** From where a watch goes on. */
  readonly resourceVersion: string;
  readonly items: readonly KubeObject[];
}

/** An object of JSON as a Kubernetes object; undefined when it has no identity. */
export function readObject(value: unknown): KubeObject | undefined {
  if (!isJsonObject(value)) return undefined;
  const metadata = member(value, 'metadata');
  if (!isJsonObject(metadata)) return undefined;
  const [name, uid, namespace] = [member(metadata, 'name'), member(metadata, 'uid'), member(metadata, 'namespace')];
  const resourceVersion = member(metadata, 'resourceVersion');
  if (typeof name !== 'string' || typeof uid !== 'string' || typeof resourceVersion !== 'string') return undefined;
  return {
    name,
    uid,
    resourceVersion,
    namespace: typeof namespace === 'string' ? namespace : undefined,
    content: value,
  };
}

/** A list of JSON; undefined when it is none, or holds what is no object. */
export function readList(value: unknown): KubeList | undefined {
  const resourceVersion = resourceVersionOf(value);
  const items = isJsonObject(value) ? (member(value, 'items') ?? []) : undefined;
  if (resourceVersion === undefined || !Array.isArray(items)) return undefined;
  const objects = items.map(readObject);
  return objects.every(object => object !== undefined) ? { resourceVersion, items: objects } : undefined;
}

/** The resourceVersion of an object, a list or a bookmark. */
export function resourceVersionOf(value: unknown): string | undefined {
  const metadata = isJsonObject(value) ? member(value, 'metadata') : undefined;
  const version = isJsonObject(metadata) ? member(metadata, 'resourceVersion') : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}
