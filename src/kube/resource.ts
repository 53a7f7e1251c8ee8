/** A kind of objects, as it is named in paths. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Such as `pods`. */
  readonly plural: string;
}

/** The kinds that the product asks the API server for. */
export const RESOURCES = {
  nodes: { group: '', version: 'v1', plural: 'nodes' },
  pods: { group: '', version: 'v1', plural: 'pods' },
  events: { group: 'events.k8s.io', version: 'v1', plural: 'events' },
} as const satisfies Record<string, Resource>;

/** All objects of a kind, or those of one namespace. */
export interface Collection {
  readonly resource: Resource;
  /** Absent for objects of the cluster. */
  readonly namespace?: string;
}

/** One object. */
export interface Target extends Collection {
  readonly name: string;
  /** Such as `status`. */
  readonly subresource?: string;
}

/** Which objects of a collection. */
export interface Selection {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** The path of a collection at the API server. */
export function collectionPath({ resource: { group, version, plural }, namespace }: Collection): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${plural}`;
}

/** The path of an object at the API server. */
export function targetPath(target: Target): string {
  const part = target.subresource === undefined ? '' : `/${target.subresource}`;
  return `${collectionPath(target)}/${encodeURIComponent(target.name)}${part}`;
}

/** A path with what is not undefined of a query. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, value);
  }
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
}

/** What a message calls a collection or an object, such as `pods "a" in namespace "b"`. */
export function nameOfTarget({ resource: { plural }, namespace, ...rest }: Collection & Partial<Target>): string {
  const kind = rest.subresource === undefined ? plural : `${plural}/${rest.subresource}`;
  const name = rest.name === undefined ? '' : ` "${rest.name}"`;
  return `${kind}${name}${namespace === undefined ? '' : ` in namespace "${namespace}"`}`;
}
