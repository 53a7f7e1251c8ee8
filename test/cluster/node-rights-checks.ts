import { readFile } from 'node:fs/promises';
import type { Test } from 'tap';
import type { Event } from '../../src/kube/objects.ts';
import { NODE_NAME } from '../../src/manifest/names.ts';
import { INSTALL_LABEL } from '../../src/policy/keys.ts';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { type Api, type ApiAccess, createApi } from './backstop-api.ts';
import { expectDone, parseObject } from './backstop-objects.ts';
import { certificateFile } from './cluster-certificates.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { API_SERVER } from './layout.ts';
import { AGENT_NAMESPACE, type Attack, OTHER, OWN, PROOF_NAMESPACE, verdictOf } from './node-rights-attack.ts';
import { FORMER_LABEL, NODE_DEEDS, nodeAttacks, TAINTS } from './node-rights-nodes.ts';
import { ownProof, podAttacks, podDeeds, type ProofParts } from './node-rights-pods.ts';
import { waitUntil } from './wait-until.ts';

/** An API server with the objects of the node agent. */
export interface RightsSite {
  /** As the administrator. */
  readonly access: ApiAccess;
}

/** What a token of the node agent is for: everything that it must do, and nothing else. The product is installed. */
export async function checkNodeRights(t: Test, { note }: ClusterUnderTest): Promise<void> {
  const [ca, cert, key] = await Promise.all([
    readFile(certificateFile('ca', 'crt'), 'utf8'),
    readFile(certificateFile('admin', 'crt'), 'utf8'),
    readFile(certificateFile('admin', 'key'), 'utf8'),
  ]);
  const count = await attackNodeRights(t, { access: { server: API_SERVER, ca, credentials: { cert, key } } });
  note('Attacks with a token of the node agent?', `${count}, all refused`);
}

/** The same on any API server. @returns the number of attacks */
export async function attackNodeRights(t: Test, { access }: RightsSite): Promise<number> {
  const admin = createApi(access);
  t.teardown(() => admin.close());
  const parts = await prepare(admin);
  t.teardown(async () => await clear(admin));
  const open = async (bound: boolean): Promise<Api> => {
    const api = createApi({ ...access, credentials: { token: await tokenOf(admin, bound) } });
    t.teardown(() => api.close());
    return api;
  };
  const [agent, unbound] = [await open(true), await open(false)];
  await inForce(unbound);
  const attacks = [...nodeAttacks(), ...podAttacks(parts), ...eventAttacks()];
  for (const attack of attacks) await expectVerdict(t, agent, attack);
  const deeds = [...NODE_DEEDS, ...podDeeds(parts), ...eventDeeds()];
  for (const deed of deeds)
    await expectVerdict(t, unbound, { ...deed, expected: 'our policy' }, 'without a node in the token');
  for (const deed of deeds) await expectVerdict(t, agent, deed);
  await checkRemoval(t, { agent, admin, parts });
  return attacks.length + deeds.length;
}

async function expectVerdict(t: Test, api: Api, { what, expected, call }: Attack, how = ''): Promise<void> {
  t.equal(await verdictOf(api, call), expected, [what, how].filter(Boolean).join(' '));
}

/** A Pod of a proof is made and removed; one of another node is not. */
async function checkRemoval(
  t: Test,
  { agent, admin, parts }: { readonly agent: Api; readonly admin: Api; readonly parts: ProofParts },
): Promise<void> {
  const path = `/api/v1/namespaces/${PROOF_NAMESPACE}/pods`;
  const pod = ownProof(parts);
  const foreign = {
    ...pod,
    metadata: { ...pod.metadata, name: 'rights-foreign' },
    spec: { ...pod.spec, nodeName: OTHER },
  };
  expectDone(await admin.call({ method: 'POST', path, body: foreign }), 'a Pod on the other node');
  const remove = (name: string): Attack['call'] => ({ method: 'DELETE', path: `${path}/${name}?gracePeriodSeconds=0` });
  t.equal(await verdictOf(agent, remove('rights-foreign')), 'our policy', "removes another node's proof");
  t.equal(await verdictOf(agent, { method: 'POST', path, body: pod }), 'done', 'makes a proof');
  t.equal(await verdictOf(agent, { method: 'GET', path: `${path}/${pod.metadata.name}` }), 'done', 'reads it');
  t.equal(await verdictOf(agent, remove(pod.metadata.name)), 'done', 'removes it');
  await admin.call(remove('rights-foreign'));
}

const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events?dryRun=All';

function event(node: string, regarding: object = { kind: 'Node' }): Event {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'rights.1', namespace: 'default' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'gvisor-injector/node',
    reportingInstance: node,
    action: 'Mark',
    type: 'Normal',
    reason: 'Proved',
    note: 'proved',
    regarding: { apiVersion: 'v1', name: node, ...regarding },
  };
}

function eventDeeds(): readonly Attack[] {
  return [{ what: 'tells of its Node', expected: 'done', call: { method: 'POST', path: EVENTS, body: event(OWN) } }];
}

function eventAttacks(): readonly Attack[] {
  const post = (what: string, body: object): Attack => ({
    what,
    expected: 'our policy',
    call: { method: 'POST', path: EVENTS, body },
  });
  return [
    post('tells of another Node', event(OTHER)),
    post('tells of a Pod', event(OWN, { kind: 'Pod', namespace: 'default' })),
    {
      what: 'tells of its Node elsewhere',
      expected: 'RBAC',
      call: { method: 'POST', path: EVENTS.replace('default', 'kube-system'), body: event(OWN) },
    },
    {
      what: 'tells of its Node by the older interface',
      expected: 'RBAC',
      call: { method: 'POST', path: '/api/v1/namespaces/default/events', body: {} },
    },
  ];
}

const HOLDER = 'rights-holder';
const NODES = '/api/v1/nodes';
const HOLDERS = `/api/v1/namespaces/${AGENT_NAMESPACE}/pods`;

/** Nodes without a kubelet, and on one of them a Pod with the agent's account, for which a token is asked. */
async function prepare(admin: Api): Promise<ProofParts> {
  const labels = { [INSTALL_LABEL]: 'other', 'kubernetes.io/hostname': OWN, [FORMER_LABEL]: 'ready' };
  const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'x', message: 'x' }];
  for (const name of [OWN, OTHER]) {
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { taints: TAINTS } };
    expectDone(await admin.call({ method: 'POST', path: NODES, body }), `Node ${name}`);
    const status = { status: { conditions } };
    expectDone(
      await admin.call({ method: 'PATCH', path: `${NODES}/${name}/status`, body: status }),
      `status of ${name}`,
    );
  }
  const containers = [{ name: 'main', image: 'none' }];
  const spec = { serviceAccountName: NODE_NAME, nodeName: OWN, containers, tolerations: [{ operator: 'Exists' }] };
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: HOLDER }, spec };
  expectDone(await admin.call({ method: 'POST', path: HOLDERS, body }), `Pod ${HOLDER}`);
  const daemonSet = await admin.call({
    method: 'GET',
    path: `/apis/apps/v1/namespaces/${AGENT_NAMESPACE}/daemonsets/${NODE_NAME}`,
  });
  return {
    image: textAt(daemonSet.body, 'spec', 'template', 'spec', 'containers', '0', 'image'),
    uid: await uidOf(admin, `${NODES}/${OWN}`),
  };
}

async function clear(admin: Api): Promise<void> {
  await admin.call({ method: 'DELETE', path: `${HOLDERS}/${HOLDER}?gracePeriodSeconds=0` });
  for (const name of [OWN, OTHER]) await admin.call({ method: 'DELETE', path: `${NODES}/${name}` });
}

/** A token as a kubelet asks for it; or, not bound, as anybody who may ask for tokens. */
async function tokenOf(admin: Api, bound: boolean): Promise<string> {
  const uid = await uidOf(admin, `${HOLDERS}/${HOLDER}`);
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: HOLDER, uid };
  const answer = await admin.call({
    method: 'POST',
    path: `/api/v1/namespaces/${AGENT_NAMESPACE}/serviceaccounts/${NODE_NAME}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: bound ? { boundObjectRef } : {} },
  });
  expectDone(answer, 'a token');
  return textAt(answer.body, 'status', 'token');
}

async function uidOf(admin: Api, path: string): Promise<string> {
  return textAt((await admin.call({ method: 'GET', path })).body, 'metadata', 'uid');
}

/** One text of an object. */
function textAt(body: string, ...path: readonly string[]): string {
  let value: unknown = parseObject(body);
  for (const key of path)
    value = Array.isArray(value) ? value[Number(key)] : isJsonObject(value) ? member(value, key) : undefined;
  return String(value);
}

/** The API server sees new policies and rights a moment later. */
async function inForce(unbound: Api): Promise<void> {
  for (const { what, call } of [...NODE_DEEDS.slice(0, 1), ...eventDeeds()]) {
    await waitUntil({
      what: `the policies on the node agent to be in force (${what})`,
      seconds: 30,
      check: async () => ((await verdictOf(unbound, call)) === 'our policy' ? 'in force' : undefined),
    });
  }
}
