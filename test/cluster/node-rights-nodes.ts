import { handlerLabel, INSTALL_LABEL, NODE_CONDITION, STARTUP_TAINT } from '../../src/policy/keys.ts';
import { type Attack, OTHER, OWN, type Verdict } from './node-rights-attack.ts';

/** The label of the default policy's one handler. */
const READY = handlerLabel('runsc');
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

/** The marks that the Nodes have before: the startup taint comes second. */
export const FORMER_LABEL = handlerLabel('former');
export const TAINTS = [
  { key: 'sandbox', value: 'gvisor', effect: 'NoSchedule' },
  { key: STARTUP_TAINT, effect: 'NoSchedule' },
] as const;

/** What the agent does, in this order, as it is written: each is the condition of the next. */
export const NODE_DEEDS: readonly Attack[] = [
  status('writes its condition', [condition('False', 'Proving')]),
  status('writes its condition again', [condition('True', 'Proved')]),
  patch('sets the label of a handler', { metadata: { labels: { [READY]: 'ready' } } }, 'done'),
  patch('sets it again', { metadata: { labels: { [READY]: 'ready' } } }, 'done'),
  patch('removes it', { metadata: { labels: { [READY]: null } } }, 'done'),
  patch(
    'removes the label of a handler that the policy no longer has',
    { metadata: { labels: { [FORMER_LABEL]: null } } },
    'done',
  ),
  {
    what: 'sets the label and lifts the startup taint',
    expected: 'done',
    call: {
      method: 'PATCH',
      path: `/api/v1/nodes/${OWN}`,
      contentType: JSON_PATCH,
      body: JSON.stringify([
        { op: 'add', path: `/metadata/labels/${READY.replaceAll('/', '~1')}`, value: 'ready' },
        { op: 'test', path: '/spec/taints/1/key', value: STARTUP_TAINT },
        { op: 'remove', path: '/spec/taints/1' },
      ]),
    },
  },
];

/** What the agent must not be able to do to Nodes. All are dry runs. */
export function nodeAttacks(): readonly Attack[] {
  return [...labels(), ...taints(), ...conditions(), ...otherNode(), ...withoutRights()];
}

/** A patch of one label. */
function label(key: string, value: string | null): object {
  return { metadata: { labels: { [key]: value } } };
}

function labels(): readonly Attack[] {
  return [
    patch("sets the admin's label", label(INSTALL_LABEL, 'false')),
    patch("removes the admin's label", label(INSTALL_LABEL, null)),
    patch('takes a role', label('node-role.kubernetes.io/control-plane', '')),
    patch('changes the name by which Pods are placed', label('kubernetes.io/hostname', OTHER)),
    patch('sets the label of a handler that the policy has not', label(handlerLabel('other'), 'ready')),
    patch('sets the label of a handler to something else', label(READY, 'true')),
    patch('sets a label beside its own', { metadata: { labels: { [READY]: 'ready', zone: 'a' } } }),
    patch('sets an annotation', { metadata: { annotations: { 'volumes.kubernetes.io/x': 'y' } } }),
    patch('sets a finalizer', { metadata: { finalizers: ['example/never'] } }),
    patch('sets an owner', {
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }] },
    }),
    patch('closes the node', { spec: { unschedulable: true } }),
    patch('names a machine of the cloud', { spec: { providerID: 'kind://x' } }),
    statusPatch('sets a label by the status', { metadata: { labels: { [READY]: 'ready' } } }),
    statusPatch("sets the admin's label by the status", label(INSTALL_LABEL, 'false')),
    statusPatch('sets an annotation by the status', { metadata: { annotations: { x: 'y' } } }),
  ];
}

function spec(...list: readonly object[]): object {
  return { spec: { taints: list } };
}

function taints(): readonly Attack[] {
  const [sandbox, startup] = TAINTS;
  return [
    patch('adds a taint', spec(sandbox, startup, { key: 'x', effect: 'NoExecute' })),
    patch('lifts a taint of others', spec(startup)),
    patch('lifts all taints', spec()),
    patch('makes its taint evict Pods', spec(sandbox, { ...startup, effect: 'NoExecute' })),
    patch('changes the value of its taint', spec(sandbox, { ...startup, value: 'x' })),
    patch('makes a taint of others weaker', spec({ ...sandbox, effect: 'PreferNoSchedule' }, startup)),
  ];
}

function conditions(): readonly Attack[] {
  return [
    status('writes a condition of others', [{ ...condition('True', 'x'), type: 'Ready' }], 'our policy'),
    status(
      'writes one of others beside its own',
      [condition('True', 'x'), { ...condition('True', 'x'), type: 'MemoryPressure' }],
      'our policy',
    ),
    status('removes a condition of others', [{ $patch: 'delete', type: 'Ready' }], 'our policy'),
    statusPatch('changes what the node can hold', { status: { capacity: { cpu: '1000' } } }),
    statusPatch('changes its addresses', { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] } }),
    statusPatch('changes the port of the kubelet', { status: { daemonEndpoints: { kubeletEndpoint: { Port: 1 } } } }),
    statusPatch('says that a volume is attached', {
      status: { volumesAttached: [{ name: 'x', devicePath: '/dev/sda' }] },
    }),
    statusPatch('says that an image is there', { status: { images: [{ names: ['x'], sizeBytes: 1 }] } }),
    statusPatch('says which handlers it has', { status: { runtimeHandlers: [{ name: 'x' }] } }),
  ];
}

function otherNode(): readonly Attack[] {
  const labelled = { metadata: { labels: { [READY]: 'ready' } } };
  const lifted = { spec: { taints: [TAINTS[0]] } };
  return [
    patch("sets another node's label", labelled, 'our policy', OTHER),
    patch("lifts another node's startup taint", lifted, 'our policy', OTHER),
    status("writes another node's condition", [condition('True', 'Proved')], 'our policy', OTHER),
  ];
}

function withoutRights(): readonly Attack[] {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'rights-new' } };
  return [
    { what: 'replaces its Node', expected: 'RBAC', call: { method: 'PUT', path: `/api/v1/nodes/${OWN}`, body: node } },
    { what: 'makes a Node', expected: 'RBAC', call: { method: 'POST', path: '/api/v1/nodes', body: node } },
    { what: 'deletes its Node', expected: 'RBAC', call: { method: 'DELETE', path: `/api/v1/nodes/${OWN}` } },
    {
      what: 'asks the kubelet through the API server',
      expected: 'RBAC',
      call: { method: 'GET', path: `/api/v1/nodes/${OWN}/proxy/pods` },
    },
  ];
}

function condition(value: string, reason: string) {
  const time = '2026-01-01T00:00:00Z';
  return {
    type: NODE_CONDITION,
    status: value,
    reason,
    message: reason,
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  };
}

function patch(what: string, body: object, expected: Verdict = 'our policy', node = OWN): Attack {
  const dryRun = expected === 'done' ? '' : '?dryRun=All';
  return { what, expected, call: { method: 'PATCH', path: `/api/v1/nodes/${node}${dryRun}`, body } };
}

function statusPatch(what: string, body: object): Attack {
  const path = `/api/v1/nodes/${OWN}/status?dryRun=All`;
  return { what, expected: 'our policy', call: { method: 'PATCH', path, body } };
}

function status(what: string, list: readonly object[], expected: Verdict = 'done', node = OWN): Attack {
  const dryRun = expected === 'done' ? '' : '?dryRun=All';
  const path = `/api/v1/nodes/${node}/status${dryRun}`;
  return {
    what,
    expected,
    call: { method: 'PATCH', path, contentType: STRATEGIC, body: { status: { conditions: list } } },
  };
}
