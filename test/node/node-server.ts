import type { ServerResponse } from 'node:http';
import type { Test } from 'tap';
import * as v from 'valibot';
import { type ApiServer, json, serveApi, type ServedRequest, status, watchLine } from '../kube/api-server.ts';

/** The Node of a test, as its API server keeps it. */
export interface ServedNode {
  labels: Record<string, string>;
  taints: { key: string; effect: string }[];
  conditions: { type: string; status: string; reason?: string; message?: string }[];
}

/** An API server with one Node. */
export interface NodeServer {
  readonly server: ApiServer;
  readonly node: ServedNode;
  /** Reasons of the Events that were made. */
  readonly events: string[];
  /** Changes the Node as somebody else, and tells the watch. */
  change(change: (node: ServedNode) => void): void;
  /** Tells the watch of an event that was long on its way. */
  tellOld(labels: Record<string, string>): void;
  /** Answers with 503 to everything, and ends the watches, until it is up again. */
  setUp(isUp: boolean): void;
  /** Takes writes, and keeps nothing of them. */
  isDeaf: boolean;
  /** Requests as `GET list`, `GET watch`, `PATCH nodes`, `PATCH status`, `POST events`. */
  readonly asked: () => readonly string[];
}

const Merge = v.object({ metadata: v.object({ labels: v.record(v.string(), v.nullable(v.string())) }) });
const Strategic = v.object({
  status: v.object({
    conditions: v.array(
      v.looseObject({ type: v.string(), status: v.string(), reason: v.string(), message: v.string() }),
    ),
  }),
});
const Operations = v.array(v.object({ op: v.string(), path: v.string(), value: v.optional(v.unknown()) }));

/** Serves a Node that an admin has chosen, with the startup taint if wanted. */
export async function serveNode(t: Test, node: ServedNode): Promise<NodeServer> {
  const events: string[] = [];
  const watches = new Set<ServerResponse>();
  let version = 10;
  let isUp = true;
  const objectAt = (at: number, labels = node.labels): object => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', uid: 'uid-node-1', resourceVersion: String(at), labels },
    spec: { taints: node.taints },
    status: { conditions: node.conditions, nodeInfo: { bootID: 'b' } },
  });
  const tell = (object: object): void => {
    for (const watch of watches) watch.write(watchLine('MODIFIED', object));
  };
  const patched = (change: () => void, response: ServerResponse, request: ServedRequest): void => {
    if (!self.isDeaf) change();
    version += 1;
    const object = objectAt(version);
    json(object)(response, request);
    tell(object);
  };
  const server = await serveApi(t, [
    (response, request) => {
      const kind = kindOf(request);
      if (!isUp) return status(503, 'ServiceUnavailable')(response, request);
      if (kind === 'GET list')
        return json({ metadata: { resourceVersion: String(version) }, items: [objectAt(version)] })(response, request);
      if (kind === 'GET watch') {
        response.writeHead(200);
        response.flushHeaders();
        if (Number(request.query.get('resourceVersion')) < version) {
          response.write(watchLine('MODIFIED', objectAt(version)));
        }
        watches.add(response);
        response.once('close', () => watches.delete(response));
        return;
      }
      if (kind === 'POST events') {
        events.push(v.parse(v.object({ reason: v.string() }), JSON.parse(request.body)).reason);
        return json({ metadata: { name: 'e', uid: 'u', resourceVersion: '1' } }, { status: 201 })(response, request);
      }
      return patched(() => patch(node, request), response, request);
    },
  ]);
  const self: NodeServer = {
    server,
    node,
    events,
    isDeaf: false,
    change: change => {
      change(node);
      version += 1;
      tell(objectAt(version));
    },
    tellOld: labels => tell(objectAt(version - 3, labels)),
    setUp: up => {
      isUp = up;
      if (!up) for (const watch of watches) watch.end();
    },
    asked: () => server.requests.map(kindOf),
  };
  return self;
}

function kindOf({ method, path, query }: ServedRequest): string {
  if (path.includes('/events')) return `${method} events`;
  if (method === 'GET') return query.has('watch') ? 'GET watch' : 'GET list';
  return `${method} ${path.endsWith('/status') ? 'status' : 'nodes'}`;
}

function patch(node: ServedNode, { headers, body }: ServedRequest): void {
  const content: unknown = JSON.parse(body);
  switch (headers['content-type']) {
    case 'application/strategic-merge-patch+json':
      for (const condition of v.parse(Strategic, content).status.conditions) {
        node.conditions = [...node.conditions.filter(({ type }) => type !== condition.type), condition];
      }
      return;
    case 'application/merge-patch+json':
      for (const [key, value] of Object.entries(v.parse(Merge, content).metadata.labels)) setLabel(node, key, value);
      return;
    default:
      for (const { op, path, value } of v.parse(Operations, content)) {
        const key = path.replace('/metadata/labels/', '').replaceAll('~1', '/');
        if (path.startsWith('/metadata/labels/')) setLabel(node, key, op === 'add' ? String(value) : null);
        else if (op === 'remove') node.taints = [];
      }
  }
}

function setLabel(node: ServedNode, key: string, value: string | null): void {
  if (value === null) delete node.labels[key];
  else node.labels[key] = value;
}
