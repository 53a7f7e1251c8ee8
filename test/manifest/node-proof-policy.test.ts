import t from 'tap';
import { PROOF_ARGUMENTS } from '../../src/manifest/names.ts';
import { proofPod } from '../../src/node/proof/proof-pod.ts';
import { isJsonObject, type JsonObject } from '../../src/policy/json.ts';
import { changed, denials, IMAGE, NODE, pathsOf, plain, type Question, valueAt } from './node-judge.ts';

function builtProof(runtimeClassName = 'gvisor', node = NODE): JsonObject {
  return plain(
    proofPod({
      namespace: 'gvisor-injector-proof',
      node: { name: node, uid: '1-2-3' },
      handler: 'runsc',
      runtimeClassName,
      image: { image: IMAGE, imagePullPolicy: 'IfNotPresent', imagePullSecrets: ['registry'] },
      args: PROOF_ARGUMENTS,
    }),
  );
}

/** The same as the API server has it once its own defaults and plugins are in (seen on 1.30 and 1.37). */
function admittedProof(): JsonObject {
  const pod = builtProof();
  const added: readonly (readonly [readonly string[], unknown])[] = [
    [['metadata', 'uid'], 'x'],
    [['metadata', 'creationTimestamp'], '2026-01-01T00:00:00Z'],
    [['metadata', 'generation'], 1],
    [['metadata', 'managedFields'], []],
    [['spec', 'dnsPolicy'], 'ClusterFirst'],
    [['spec', 'schedulerName'], 'default-scheduler'],
    [['spec', 'serviceAccountName'], 'default'],
    [['spec', 'serviceAccount'], 'default'],
    [['spec', 'priority'], 0],
    [['spec', 'preemptionPolicy'], 'PreemptLowerPriority'],
    [['spec', 'containers', '0', 'terminationMessagePath'], '/dev/termination-log'],
    [['spec', 'containers', '0', 'terminationMessagePolicy'], 'File'],
    [['status'], { phase: 'Pending', qosClass: 'Burstable' }],
  ];
  return added.reduce((object, [path, value]) => changed(object, path, value), pod);
}

const PODS = { resource: 'pods', namespace: 'gvisor-injector-proof' } as const;

t.test('the Pod of a proof is let through as it is built and as the API server completes it', async t => {
  for (const object of [builtProof(), builtProof('gvisor-strict'), admittedProof()]) {
    t.same(denials({ ...PODS, object }), []);
  }
  t.same(denials({ ...PODS, operation: 'DELETE', oldObject: admittedProof() }), []);
});

/** What may differ from one proof to the next without being a proof any less. */
const FREE: readonly string[] = [
  'apiVersion',
  'kind',
  'status',
  ...['name', 'namespace', 'uid', 'creationTimestamp', 'generation', 'managedFields'].map(key => `metadata.${key}`),
  ...['apiVersion', 'uid'].map(key => `metadata.ownerReferences.0.${key}`),
  ...['dnsPolicy', 'schedulerName', 'serviceAccountName', 'serviceAccount', 'priority', 'preemptionPolicy'].map(
    key => `spec.${key}`,
  ),
  ...['imagePullSecrets', 'tolerations'].map(key => `spec.${key}`),
  ...['imagePullPolicy', 'terminationMessagePath', 'terminationMessagePolicy'].map(key => `spec.containers.0.${key}`),
];

/** Parts without which it is no Pod at all, and nobody asks a policy. */
const NEEDED: readonly string[] = ['', 'metadata', 'spec', 'spec.containers', 'spec.containers.0'];

function isFree(name: string): boolean {
  return FREE.some(free => name === free || name.startsWith(`${free}.`));
}

/** Another value of the same type. */
function otherValue(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return `${value}x`;
  return Array.isArray(value) ? [] : {};
}

t.test('a Pod with another value, or with a field less or more, is refused by the name of the field', async t => {
  const pod = admittedProof();
  const paths = pathsOf(pod).filter(path => !isFree(path.join('.')) && !NEEDED.includes(path.join('.')));
  t.ok(paths.length > 30, `${paths.length} fields`);
  for (const path of paths) {
    for (const value of [otherValue(valueAt(pod, path)), undefined]) {
      const name = `${path.join('.')} = ${JSON.stringify(value)}`;
      const messages = denials({ ...PODS, object: changed(pod, path, value) });
      if (messages.length === 0 && name.startsWith('metadata.ownerReferences.0 ')) t.fail(name);
      t.match(messages.join(), fieldOf(path), name);
    }
  }
  for (const path of pathsOf(pod)) {
    const place = valueAt(pod, path);
    if (!isJsonObject(place) || path.length === 0 || isFree(path.join('.'))) continue;
    const more = changed(pod, [...path, 'another'], 'x');
    t.not(denials({ ...PODS, object: more }).length, 0, `${path.join('.')} has a field more`);
  }
});

/** The field that a message names: those of metadata, spec and container are compared as a whole. */
function fieldOf(path: readonly string[]): string {
  const [part, field, , ownField] = path;
  if (field === 'nodeName') return 'this Pod is';
  if (field !== 'containers') return `${part}.${field}`;
  return ownField === 'image' ? 'the Pod of a proof has the image' : `spec.containers[0].${ownField}`;
}

t.test('fields that a Pod of a proof has not are refused', async t => {
  const pod = admittedProof();
  const fields = { volumes: [{ name: 'v', emptyDir: {} }], hostPID: true, initContainers: [], hostUsers: false, x: 1 };
  for (const [field, value] of Object.entries(fields)) {
    t.match(denials({ ...PODS, object: changed(pod, ['spec', field], value) }), [new RegExp(`spec\\.${field}`)], field);
  }
  t.match(denials({ ...PODS, object: changed(pod, ['metadata', 'annotations'], { a: 'b' }) }), [
    /metadata\.annotations/,
  ]);
  const critical = changed(pod, ['spec', 'priorityClassName'], 'system-node-critical');
  t.match(denials({ ...PODS, object: critical }), [/spec\.priorityClassName/]);
  t.same(denials({ ...PODS, object: changed(pod, ['spec', 'priorityClassName'], 'usual') }), []);
  const second = changed(pod, ['spec', 'containers', '1'], valueAt(pod, ['spec', 'containers', '0']));
  t.match(denials({ ...PODS, object: second }), [/spec\.containers/]);
});

t.test('the image is that of the DaemonSet', async t => {
  const pod = admittedProof();
  const other = changed(pod, ['spec', 'containers', '0', 'image'], 'other');
  t.match(denials({ ...PODS, object: other }), [
    /the Pod of a proof has the image "other", and the DaemonSet .* has registry/,
  ]);
});

t.test('a token is good for its node alone, and one without a node for nothing', async t => {
  const node = { metadata: { name: NODE } };
  const event = { regarding: { kind: 'Node', name: NODE } };
  const requests: readonly Question[] = [
    { ...PODS, object: builtProof() },
    { ...PODS, operation: 'DELETE', oldObject: builtProof() },
    { resource: 'nodes', operation: 'UPDATE', object: node, oldObject: node },
    { resource: 'nodes/status', operation: 'UPDATE', object: node, oldObject: node },
    { resource: 'events', namespace: 'default', object: event },
  ];
  for (const request of requests) {
    t.same(denials(request), []);
    for (const nodes of [[], ['node-2'], [NODE, 'node-2'], ['']]) {
      t.match(
        denials({ ...request, nodes }),
        /^BeyondAgentRights: the token of this node agent (names no node|is for the node node-2), /,
      );
      t.same(denials({ ...request, nodes, username: 'somebody' }), [], 'others are not asked');
    }
  }
  const away = { ...PODS, namespace: 'kube-system', object: builtProof() };
  t.match(denials(away), [/may create and delete Pods in namespace gvisor-injector-proof alone/]);
  t.match(denials({ resource: 'events', namespace: 'kube-system', object: event }), [/in namespace default alone/]);
  for (const regarding of [undefined, {}, { kind: 'Pod', name: NODE }, { kind: 'Node', name: 'node-2' }]) {
    t.equal(denials({ resource: 'events', namespace: 'default', object: { regarding } }).length, 1);
  }
});
