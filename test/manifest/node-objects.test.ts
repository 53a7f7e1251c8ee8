import { join } from 'node:path/posix';
import t from 'tap';
import type { ClusterObject, DaemonSet } from '../../src/kube/objects.ts';
import { AGENT_SCRIPT, IMAGE_NAME, IMAGE_SCRIPT, NODE_IMAGE_NAME, PROOF_ARGUMENTS } from '../../src/manifest/names.ts';
import { printManifest } from '../../src/manifest/print-manifest.ts';
import { ROLLBACK_AFTER_SECONDS, GATE_SECONDS, RESTART_SECONDS } from '../../src/node/change/context.ts';
import { TIMER_FOLDER } from '../../src/node/change/dead-man.ts';
import { RECORD_FILE } from '../../src/node/change/record.ts';
import { CANDIDATE_FOLDER } from '../../src/node/containerd/configuration.ts';
import { RELEASES_FOLDER, STATE_FOLDER } from '../../src/node/host/host.ts';
import { containerdLayout } from '../../src/node/layout/exec-start.ts';
import { OS_RELEASE_FILES } from '../../src/node/layout/os-release.ts';
import { proofRuntimeClassName } from '../../src/node/proof/proof-pod.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { objectsOf, only, renderNode, renderText, TWO_PROFILES } from './rendering.ts';

const manifests = renderNode(DEFAULT_POLICY_TEXT);

function podOf({ spec }: DaemonSet) {
  const pod = spec?.template.spec;
  const container = pod?.containers[0];
  if (pod === undefined || container === undefined) throw new RangeError('there must be a container');
  return { pod, container };
}

t.test('the node agent has these privileges and no others', async t => {
  const { pod, container } = podOf(only(manifests, 'DaemonSet'));
  t.same(container.securityContext, {
    runAsUser: 0,
    runAsGroup: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] },
  });
  t.same(pod.securityContext, { seccompProfile: { type: 'RuntimeDefault' } });
  t.same(Object.keys(pod).toSorted(), [
    'affinity',
    'automountServiceAccountToken',
    'containers',
    'enableServiceLinks',
    'priorityClassName',
    'securityContext',
    'serviceAccountName',
    'terminationGracePeriodSeconds',
    'tolerations',
    'volumes',
  ]);
  t.equal(pod.containers.length, 1);
  t.equal(pod.enableServiceLinks, false);
});

/** Where the container has a path of the host; undefined where it has not. */
function mountOf(path: string) {
  const { container } = podOf(only(manifests, 'DaemonSet'));
  const place = join('/host', path);
  return container.volumeMounts?.find(({ mountPath }) => place === mountPath || place.startsWith(`${mountPath}/`));
}

t.test('each folder of the host is there once, below one folder, with its reason', async t => {
  const manifest = manifests.find(({ object }) => object.kind === 'DaemonSet');
  const { pod, container } = podOf(only(manifests, 'DaemonSet'));
  const text = manifest === undefined ? '' : printManifest(manifest);
  const paths = pod.volumes?.flatMap(({ hostPath }) => (hostPath === undefined ? [] : [hostPath])) ?? [];
  t.same(paths, [
    { path: '/etc/containerd', type: 'DirectoryOrCreate' },
    { path: '/run/containerd', type: 'DirectoryOrCreate' },
    { path: '/run/systemd', type: 'DirectoryOrCreate' },
    { path: '/etc/systemd/system', type: 'DirectoryOrCreate' },
    { path: '/opt', type: 'DirectoryOrCreate' },
    { path: STATE_FOLDER, type: 'DirectoryOrCreate' },
    { path: '/sys/fs/cgroup', type: 'DirectoryOrCreate' },
    { path: '/etc/machine-id', type: 'File' },
    { path: '/etc/os-release', type: 'File' },
  ]);
  t.same(
    container.volumeMounts?.map(({ name }) => name),
    pod.volumes?.map(({ name }) => name),
  );
  for (const { name, hostPath } of pod.volumes ?? []) {
    if (hostPath === undefined) continue;
    t.equal(container.volumeMounts?.find(mount => mount.name === name)?.mountPath, join('/host', hostPath.path));
    t.match(text, new RegExp(`# \\S.*\\n +- name: ${name}\\n +hostPath:`), `a comment says why ${name} is there`);
  }
});

t.test('what the agent writes is writable, and nothing else of the host', async t => {
  const layout = containerdLayout({ unit: 'containerd.service', command: ['/usr/bin/containerd'], environment: [] });
  if ('reason' in layout) throw new RangeError(layout.sentence);
  for (const path of [layout.configuration, RELEASES_FOLDER, RECORD_FILE, CANDIDATE_FOLDER, TIMER_FOLDER]) {
    t.ok(mountOf(path), path);
    t.notOk(mountOf(path)?.readOnly, path);
  }
  for (const path of [
    layout.socket,
    '/run/systemd/private',
    OS_RELEASE_FILES[0],
    '/etc/machine-id',
    '/sys/fs/cgroup/x',
  ]) {
    t.equal(mountOf(path)?.readOnly, true, path);
  }
  for (const path of [layout.socket, '/run/systemd/private']) {
    t.equal(mountOf(path)?.mountPropagation, 'HostToContainer', path);
  }
  for (const path of [
    '/',
    '/etc/passwd',
    '/etc/kubernetes/pki',
    '/root',
    '/var/lib/kubelet',
    '/var/lib/etcd',
    '/run',
  ]) {
    t.equal(mountOf(path), undefined, path);
  }
});

t.test('the agent is on labelled Linux nodes of two architectures, whatever their taints are', async t => {
  const { pod, container } = podOf(only(manifests, 'DaemonSet'));
  t.same(pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms, [
    {
      matchExpressions: [
        { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
        { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64', 'arm64'] },
        { key: 'gvisor-injector/install', operator: 'In', values: ['true', 'false'] },
      ],
    },
  ]);
  t.same(pod.tolerations, [{ operator: 'Exists' }]);
  t.same(
    container.env?.map(({ name, valueFrom }) => [name, valueFrom?.fieldRef?.fieldPath]),
    [
      ['NODE_NAME', 'spec.nodeName'],
      ['POD_NAME', 'metadata.name'],
      ['POD_NAMESPACE', 'metadata.namespace'],
    ],
  );
  t.same(only(manifests, 'DaemonSet').spec?.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
  });
});

t.test('a change that is under way may come to its end before the agent is killed', async t => {
  const { pod } = podOf(only(manifests, 'DaemonSet'));
  const grace = Number(pod.terminationGracePeriodSeconds);
  t.ok(grace >= GATE_SECONDS + RESTART_SECONDS, String(grace));
  t.ok(grace < ROLLBACK_AFTER_SECONDS, 'and what undoes it comes later');
});

t.test('the critical priority is permitted by a quota of its own', async t => {
  const { pod } = podOf(only(manifests, 'DaemonSet'));
  const { metadata, spec } = only(manifests, 'ResourceQuota');
  t.equal(pod.priorityClassName, 'system-node-critical');
  t.equal(metadata.namespace, only(manifests, 'DaemonSet').metadata.namespace);
  t.same(spec?.scopeSelector?.matchExpressions, [
    { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] },
  ]);
});

t.test('the namespaces have the Pod Security levels that their Pods need', async t => {
  const levels = objectsOf(manifests, 'Namespace').map(({ metadata: { name, labels } }) => [
    name,
    ...['enforce', 'audit', 'warn'].map(mode => labels?.[`pod-security.kubernetes.io/${mode}`]),
  ]);
  t.same(levels, [
    ['gvisor-injector-node', 'privileged', 'privileged', 'privileged'],
    ['gvisor-injector-proof', 'restricted', 'restricted', 'restricted'],
  ]);
});

t.test('the RuntimeClass of the proofs has the handler of each profile, and no scheduling or overhead', async t => {
  t.same(
    objectsOf(renderNode(TWO_PROFILES), 'RuntimeClass').map(({ metadata, handler, scheduling, overhead }) => ({
      name: metadata.name,
      handler,
      scheduling,
      overhead,
    })),
    [
      { name: proofRuntimeClassName('gvisor'), handler: 'runsc', scheduling: undefined, overhead: undefined },
      {
        name: proofRuntimeClassName('gvisor-strict'),
        handler: 'runsc-strict',
        scheduling: undefined,
        overhead: undefined,
      },
    ],
  );
});

t.test('nothing of the node agent is left in another namespace than the one that was asked for', async t => {
  const names = ['boxes-node', 'boxes-proof', 'default'];
  for (const { object } of renderNode(TWO_PROFILES, 'boxes')) {
    if ('namespace' in object.metadata) t.ok(names.includes(object.metadata.namespace ?? 'default'), object.kind);
  }
  const text = JSON.stringify(renderNode(TWO_PROFILES, 'boxes'));
  t.match(text, 'system:serviceaccount:boxes-node:gvisor-injector-node');
  t.notMatch(text, 'system:serviceaccount:gvisor-injector-node');
  t.ok(podOf(only(renderNode(TWO_PROFILES, 'boxes'), 'DaemonSet')).container.args?.includes('--namespace=boxes'));
});

t.test('the agent reads the policy that the webhook reads', async t => {
  const all = renderText(TWO_PROFILES);
  const [webhook, agent] = objectsOf(all, 'ConfigMap');
  t.equal(agent?.metadata.name, webhook?.metadata.name);
  t.same(agent?.data, webhook?.data);
  const { pod } = podOf(only(all, 'DaemonSet'));
  t.equal(pod.volumes?.at(-1)?.configMap?.name, agent?.metadata.name);
});

t.test('the bounds of the agent come before its rights, and those before itself', async t => {
  const kinds = manifests.map(({ object }) => object.kind);
  const last = (kind: ClusterObject['kind']) => kinds.lastIndexOf(kind);
  t.ok(last('ValidatingAdmissionPolicyBinding') < kinds.indexOf('ClusterRole'));
  t.equal(kinds.at(-1), 'DaemonSet');
});

t.test('the two images have names of their own', async t => {
  t.not(IMAGE_NAME, NODE_IMAGE_NAME);
  const [script] = podOf(only(manifests, 'DaemonSet')).container.args ?? [];
  t.strictSame([PROOF_ARGUMENTS[0], script], [IMAGE_SCRIPT, AGENT_SCRIPT], 'and scripts that lie beside each other');
});
