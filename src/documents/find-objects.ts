import { isJsonObject, type JsonObject, member } from '../policy/json.ts';
import type { NodePath } from './node-position.ts';

/** One Kubernetes object of a document, also of one that is a list. */
export interface ManifestObject {
  /** From the root of the document. */
  readonly path: NodePath;
  readonly value: JsonObject;
  readonly apiVersion: string;
  readonly kind: string;
  /** `default` where the object names none. */
  readonly namespace: string;
  /** The prefix with a `*` where the API server makes the name; empty where there is neither. */
  readonly name: string;
}

/** Where a kind keeps its Pod, and in which API groups it is that kind; an own resource may share the name. */
const WORKLOADS: Readonly<Record<string, { readonly groups: readonly string[]; readonly pod: readonly string[] }>> = {
  Pod: { groups: [''], pod: [] },
  PodTemplate: { groups: [''], pod: ['template'] },
  ReplicationController: { groups: [''], pod: ['spec', 'template'] },
  Deployment: { groups: ['apps', 'extensions'], pod: ['spec', 'template'] },
  ReplicaSet: { groups: ['apps', 'extensions'], pod: ['spec', 'template'] },
  StatefulSet: { groups: ['apps'], pod: ['spec', 'template'] },
  DaemonSet: { groups: ['apps', 'extensions'], pod: ['spec', 'template'] },
  Job: { groups: ['batch'], pod: ['spec', 'template'] },
  CronJob: { groups: ['batch'], pod: ['spec', 'jobTemplate', 'spec', 'template'] },
};

const LIST_SUFFIX = 'List';

/** The objects of a parsed document in reading order; lists are opened, nested ones too. */
export function findObjects(document: unknown): readonly ManifestObject[] {
  return objectsAt(document, { path: [], apiVersion: '', kind: '' });
}

/** The path from an object to its Pod or Pod template; undefined for kinds that have none. */
export function podPathOf({ apiVersion, kind }: ManifestObject): readonly string[] | undefined {
  const workload = Object.hasOwn(WORKLOADS, kind) ? WORKLOADS[kind] : undefined;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  // Without any apiVersion it is no object that a cluster takes; to look at it is the safer guess.
  return workload !== undefined && (apiVersion === '' || workload.groups.includes(group)) ? workload.pod : undefined;
}

/** Items of a typed list, such as a PodList, need not repeat its type. */
interface Inherited {
  readonly path: NodePath;
  readonly apiVersion: string;
  readonly kind: string;
}

function objectsAt(value: unknown, inherited: Inherited): readonly ManifestObject[] {
  if (!isJsonObject(value)) return [];
  const { path } = inherited;
  const kind = textAt(value, 'kind') ?? inherited.kind;
  const apiVersion = textAt(value, 'apiVersion') ?? inherited.apiVersion;
  const items = member(value, 'items');
  if (kind.endsWith(LIST_SUFFIX) && Array.isArray(items)) {
    const itemKind = kind.slice(0, -LIST_SUFFIX.length);
    const itemVersion = itemKind === '' ? '' : apiVersion;
    return items.flatMap((item: unknown, index) =>
      objectsAt(item, { path: [...path, 'items', index], apiVersion: itemVersion, kind: itemKind }),
    );
  }
  return kind === '' ? [] : [{ path, value, apiVersion, kind, ...namesOf(value) }];
}

function namesOf(value: JsonObject): { readonly namespace: string; readonly name: string } {
  const metadata = member(value, 'metadata');
  if (!isJsonObject(metadata)) return { namespace: 'default', name: '' };
  const prefix = textAt(metadata, 'generateName');
  return {
    namespace: textAt(metadata, 'namespace') ?? 'default',
    name: textAt(metadata, 'name') ?? (prefix === undefined ? '' : `${prefix}*`),
  };
}

/** An empty string is what the API server takes for absent. */
function textAt(value: JsonObject, key: string): string | undefined {
  const text = member(value, key);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
