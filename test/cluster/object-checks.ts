import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import {
  type ClusterUnderTest,
  createNamespace,
  createPod,
  kernelOf,
  podSpec,
  sleepingPod,
  valueOf,
  waitForRunning,
} from './cluster-under-test.ts';
import { GVISOR_NODE, nodeFolder, NODES, REPOSITORY } from './layout.ts';
import { decisionRecords, messageOf } from './records.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'objects';
const OVERHEAD_MEMORY = '64Mi';

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
  const { kubectl } = cluster;
  const quota = { hard: { 'requests.memory': '1Gi' } };
  await kubectl.create({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'quota', namespace: NAMESPACE },
    spec: quota,
  });
  const patch = ['patch', 'runtimeclass', 'gvisor', '--type=merge', '--patch'];
  await kubectl.run([...patch, `{"overhead":{"podFixed":{"memory":"${OVERHEAD_MEMORY}"}}}`]);
  const resources = { requests: { memory: '16Mi' } };
  await waitUntil({
    what: 'the overhead to be added to a Pod',
    seconds: 20,
    check: async () => {
      const { body } = await createPod(cluster, NAMESPACE, sleepingPod('probe', { container: { resources } }), {
        dryRun: true,
      });
      return body.includes('"overhead"') ? body : undefined;
    },
  });
  const pod = sleepingPod('overhead', { container: { resources } });
  t.equal((await createPod(cluster, NAMESPACE, pod)).status, 201);
  const overhead = { namespace: NAMESPACE, kind: 'pod', name: 'overhead' };
  t.equal(await valueOf(cluster, overhead, '{.spec.overhead.memory}'), OVERHEAD_MEMORY);
  const calls = (await decisionRecords(cluster)).filter(({ name }) => name === 'overhead').length;
  t.equal(calls, 1, 'RuntimeClass adds the overhead after our patch, and we are asked once');
  cluster.note(
    'Are we asked again when RuntimeClass adds overhead after our patch (B22, B25)?',
    `${calls} record for the Pod`,
  );
  const used = await waitUntil({
    what: 'the quota to count',
    seconds: 20,
    check: async () => {
      const value = await valueOf(
        cluster,
        { namespace: NAMESPACE, kind: 'resourcequota', name: 'quota' },
        '{.status.used.requests\\.memory}',
      );
      return value === '80Mi' ? value : undefined;
    },
  });
  cluster.note(
    'Does a ResourceQuota count the overhead?',
    `yes: a Pod of 16Mi with an overhead of ${OVERHEAD_MEMORY} uses ${used}`,
  );
  await kubectl.run([...patch, '{"overhead":null}']);
  await kubectl.run(['delete', 'resourcequota', 'quota', '--namespace', NAMESPACE]);
  await kubectl.run(['delete', 'pod', 'overhead', '--namespace', NAMESPACE]);
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
  t.equal((await createPod(cluster, name, sleepingPod('pod', { container: { securityContext } }))).status, 201);
  await waitForRunning(cluster, name, 'pod');
  t.match(await kernelOf(cluster, name, 'pod'), '-gvisor');
  cluster.note(
    'Pod Security `restricted` in a labelled namespace?',
    'judges as ever; a compliant Pod is sandboxed and runs',
  );
}

async function checkDaemonSet(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  const labels = { app: 'daemon' };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec() } };
  await kubectl.create({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'daemon', namespace: NAMESPACE },
    spec,
  });
  const phases = await waitUntil({
    what: 'the Pods of the DaemonSet',
    seconds: 60,
    check: async () => {
      const path = '{range .items[*]}{.status.phase} {end}';
      const args = [
        'get',
        'pods',
        '--namespace',
        NAMESPACE,
        '--selector',
        'app=daemon',
        '--output',
        `jsonpath=${path}`,
      ];
      const words = (await kubectl.run(args)).trim().split(' ').toSorted();
      return words.length === NODES.length && words.includes('Running') ? words.join(', ') : undefined;
    },
  });
  t.equal(
    phases,
    'Pending, Running',
    'a DaemonSet makes a Pod for each node, and the one without gVisor never gets its own',
  );
  cluster.note('A DaemonSet in a labelled namespace, with one of two nodes ready (T21)?', `its Pods are ${phases}`);
  await kubectl.run(['delete', 'daemonset', 'daemon', '--namespace', NAMESPACE]);
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
  await createPod(cluster, NAMESPACE, sleepingPod('debugged'));
  await waitForRunning(cluster, NAMESPACE, 'debugged');
  const image = await valueOf(
    cluster,
    { namespace: NAMESPACE, kind: 'pod', name: 'debugged' },
    '{.spec.containers[0].image}',
  );
  const debug = ['debug', '--namespace', NAMESPACE, 'debugged', '--image', image, '--image-pull-policy=Never'];
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
