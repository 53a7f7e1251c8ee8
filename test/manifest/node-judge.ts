import { isJsonObject, type JsonObject } from '../../src/policy/json.ts';
import { createJudge, type Request } from './backstop-evaluator.ts';
import { only, renderNode, TWO_PROFILES } from './rendering.ts';

/** The node that tokens name, and the image of the DaemonSet. */
export const NODE = 'node-1';
export const IMAGE = 'registry.example/gvisor-injector-node@sha256:1';
const AGENT = 'system:serviceaccount:gvisor-injector-node:gvisor-injector-node';
const EXTRA = 'authentication.kubernetes.io/node-name';

const manifests = renderNode(TWO_PROFILES);
const daemonSet = plain(only(manifests, 'DaemonSet'));
const judge = createJudge(
  manifests.map(({ object }) => object),
  withImage(daemonSet, IMAGE),
);

/** An object as JSON has it, for a change. */
export function plain(object: object): JsonObject {
  const value: unknown = JSON.parse(JSON.stringify(object));
  if (!isJsonObject(value)) throw new TypeError('an object must be an object');
  return value;
}

function withImage(object: JsonObject, image: string): JsonObject {
  return changed(object, ['spec', 'template', 'spec', 'containers', '0', 'image'], image);
}

/** The object with another value at a path; undefined removes what is there. */
export function changed(object: JsonObject, path: readonly string[], value: unknown): JsonObject {
  const copy: unknown = structuredClone(object);
  let place: unknown = copy;
  for (const key of path.slice(0, -1)) place = isContainer(place) ? place[key] : undefined;
  const key = path.at(-1) ?? '';
  if (!isContainer(place) || !isJsonObject(copy)) throw new RangeError(`nothing is at ${path.join('.')}`);
  if (value === undefined && Array.isArray(place)) place.splice(Number(key), 1);
  else if (value === undefined) delete place[key];
  else place[key] = value;
  return copy;
}

/** True for what has members. */
function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** A request of the agent, unless another user is named. */
export interface Question extends Omit<Request, 'user' | 'operation' | 'namespace'> {
  readonly operation?: Request['operation'];
  readonly namespace?: string;
  /** Nodes that the token names. */
  readonly nodes?: readonly string[];
  readonly username?: string;
}

/** What the policies refuse of a request of the agent; the messages. */
export function denials({ nodes = [NODE], username = AGENT, namespace, operation = 'CREATE', ...rest }: Question) {
  const { failures } = judge({
    ...rest,
    operation,
    ...(namespace === undefined ? {} : { namespace: { name: namespace, labels: {} } }),
    user: { username, groups: [], extra: nodes.length === 0 ? {} : { [EXTRA]: nodes } },
  });
  return failures.map(({ message }) => message);
}

/** Paths of all maps and values below a value. */
export function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (!isContainer(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

/** What stands at a path. */
export function valueAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isContainer(value) ? value[key] : undefined), object);
}
