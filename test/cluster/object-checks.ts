import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { DEFAULT_OVERHEAD } from '../../src/policy/validate.ts';
import {
  type ClusterUnderTest,
  createNamespace,
  createObject,
  createPod,
  createRunningPods,
  kernelOf,
  podSpec,
  sleepingPod,
  valueOf,
  waitForRunning,
} from './cluster-under-test.ts';
import { GVISOR_NODE, nodeFolder, NODES, REPOSITORY } from './layout.ts';
import { OVERHEAD_MEBIBYTES } from './overhead.ts';
import { decisionRecords, messageOf } from './records.ts';
import { TEST_IMAGE } from './test-image.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'objects';
const REQUEST_MEBIBYTES = 16;

/** The RuntimeClass, quotas, Pod Security, DaemonSets, static Pods and debug containers. */
export async function checkObjects(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  await checkRuntimeClass(t, cluster);
  await checkOverhead(t, cluster);
  await checkPodSecurity(t, cluster);
  await checkDaemonSet(t, cluster);
  await checkStaticPod(t, cluster);
  await checkDebug(t, cluster);
}

async function checkRuntimeClass(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  const drifted = ['patch', 'runtimeclass', 'gvisor', '--type=merge', '--patch'];
  await kubectl.run([...drifted, '{"scheduling":{"nodeSelector":{"gvisor-injector/runsc":"other"}}}']);
  const conflict = await waitForStatus(cluster, 403);
  t.match(conflict, 'conflict', 'a RuntimeClass that has drifted from the profile refuses Pods');
  cluster.note('A RuntimeClass whose scheduling differs from the profile (T16)?', messageOf(conflict));
  await kubectl.run(['delete', 'runtimeclass', 'gvisor']);
  const missing = await waitUntil({
    what: 'the RuntimeClass to be missed',
    seconds: 10,
    check: async () => {
      const body = await waitForStatus(cluster, 403);
      return body.includes('not found') ? body : undefined;
    },
  });
  cluster.note('No RuntimeClass (T17)?', messageOf(missing));
  await kubectl.run(['apply', '--filename', join(REPOSITORY, 'manifests/base/runtime-class-gvisor.yaml')]);
  await waitForStatus(cluster, 201);
}

/** Dry runs until the API server's caches have seen a change. Returns the answer's body. */
async function waitForStatus(cluster: ClusterUnderTest, status: number): Promise<string> {
  return await waitUntil({
    what: `status ${status}`,
    seconds: 20,
    check: async () => {
      const answer = await createPod(cluster, NAMESPACE, sleepingPod('probe'), { dryRun: true });
      return answer.status === status ? answer.body : undefined;
    },
  });
}

async function checkOverhead(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const quota = { namespace: NAMESPACE, kind: 'ResourceQuota', name: 'quota' };
  await createObject(cluster, { ...quota, spec: { hard: { 'requests.memory': '1Gi' } } });
  const resources = { requests: { memory: `${REQUEST_MEBIBYTES}Mi` } };
  const pod = { namespace: NAMESPACE, name: 'overhead' };
  await createRunningPods(cluster, [{ ...pod, pod: sleepingPod('overhead', { container: { resources } }) }]);
  const overhead = await valueOf(cluster, { ...pod, kind: 'pod' }, '{.spec.overhead.memory}');
  t.equal(overhead, DEFAULT_OVERHEAD.memory, 'RuntimeClass adds the overhead after our patch');
  const calls = (await decisionRecords(cluster)).filter(({ name }) => name === 'overhead').length;
  t.equal(calls, 1, 'and we are asked once');
  cluster.note(
    'Are we asked again when RuntimeClass adds overhead after our patch (B22, B25)?',
    `${calls} record for the Pod`,
  );
  const used = await waitUntil({
    what: 'the quota to count',
    seconds: 20,
    check: async () => {
      const value = await valueOf(cluster, quota, '{.status.used.requests\\.memory}');
      return value === `${REQUEST_MEBIBYTES + OVERHEAD_MEBIBYTES}Mi` ? value : undefined;
    },
  });
  cluster.note(
    'Does a ResourceQuota count the overhead?',
    `yes: a Pod of ${REQUEST_MEBIBYTES}Mi with an overhead of ${overhead} uses ${used}`,
  );
  await cluster.kubectl.run(['delete', '--namespace', NAMESPACE, 'resourcequota/quota', 'pod/overhead']);
}

async function checkPodSecurity(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const name = 'restricted';
  await createNamespace(cluster, name, { sandbox: 'gvisor', 'pod-security.kubernetes.io/enforce': 'restricted' });
  const refused = await createPod(cluster, name, sleepingPod('pod'));
  t.match(refused.body, 'violates PodSecurity', 'Pod Security still judges the Pod');
  const securityContext = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    runAsUser: 65534,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const pod = sleepingPod('pod', { container: { securityContext } });
  await createRunningPods(cluster, [{ namespace: name, name: 'pod', pod }]);
  t.match(await kernelOf(cluster, name, 'pod'), '-gvisor');
  cluster.note(
    'Pod Security `restricted` in a labelled namespace?',
    'judges as ever; a compliant Pod is sandboxed and runs',
  );
}

async function checkDaemonSet(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  const labels = { app: 'daemon' };
  const other = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'without-gvisor' } };
  await kubectl.run(['create', '--filename', '-'], { input: JSON.stringify(other) });
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec() } };
  await createObject(cluster, { kind: 'DaemonSet', namespace: NAMESPACE, name: 'daemon', spec });
  const phases = await waitUntil({
    what: 'the Pods of the DaemonSet',
    seconds: 60,
    check: async () => {
      const output = 'jsonpath={range .items[*]}{.status.phase} {end}';
      const args = ['get', 'pods', '--namespace', NAMESPACE, '--selector', 'app=daemon', '--output', output];
      const words = (await kubectl.run(args)).trim().split(' ').toSorted();
      return words.filter(word => word === 'Running').length === NODES.length && words.includes('Pending')
        ? words.join(', ')
        : undefined;
    },
  });
  t.equal(
    phases,
    'Pending, Running, Running',
    'a DaemonSet makes a Pod for each node, and the one without gVisor never gets its own',
  );
  cluster.note('A DaemonSet in a labelled namespace, with two of three nodes ready (T21)?', `its Pods are ${phases}`);
  await kubectl.run(['delete', 'daemonset', 'daemon', '--namespace', NAMESPACE]);
  await kubectl.run(['delete', 'node', other.metadata.name]);
}

async function checkStaticPod(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const folder = join(nodeFolder(GVISOR_NODE), 'root/etc/kubernetes-static-pods');
  const file = join(folder, 'static.json');
  const pod = { ...sleepingPod('static'), metadata: { name: 'static', namespace: NAMESPACE } };
  await mkdir(folder, { recursive: true });
  await writeFile(file, JSON.stringify(pod));
  const name = `static-${GVISOR_NODE.name}`;
  await waitForRunning(cluster, NAMESPACE, name);
  const mirror = { namespace: NAMESPACE, kind: 'pod', name };
  t.equal(await valueOf(cluster, mirror, '{.spec.runtimeClassName}'), '', 'a mirror Pod stays as it is');
  const record = (await decisionRecords(cluster)).find(candidate => candidate.name === name);
  t.equal(record?.reason, 'MirrorPod');
  cluster.note(
    'A static Pod in a labelled namespace (T19)?',
    `allowed unchanged: ${record?.reason}, requested by ${record?.requester}`,
  );
  await rm(file);
}

async function checkDebug(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createRunningPods(cluster, [{ namespace: NAMESPACE, name: 'debugged', pod: sleepingPod('debugged') }]);
  const debug = ['debug', '--namespace', NAMESPACE, 'debugged', '--image', TEST_IMAGE, '--image-pull-policy=Never'];
  await cluster.kubectl.run([...debug, '--container=debugger', '--', 'sleep', '1000']);
  const exec = ['exec', '--namespace', NAMESPACE, 'debugged', '--container=debugger', '--', 'uname', '-r'];
  const kernel = await waitUntil({
    what: 'the debug container',
    seconds: 30,
    check: async () => await cluster.kubectl.run(exec),
  });
  t.match(kernel, '-gvisor', 'a debug container runs in the sandbox');
  cluster.note('`kubectl debug` of a sandboxed Pod?', `the container runs in the sandbox: ${kernel.trim()}`);
}
