import type { Test } from 'tap';
import {
  auditReport,
  type ClusterUnderTest,
  createNamespace,
  createObject,
  createPod,
  createRunningPods,
  kernelOf,
  podSpec,
  sleepingPod,
} from './cluster-under-test.ts';
import { GVISOR_RUNTIME_TYPE } from './gvisor-by-hand.ts';
import { GVISOR_NODE } from './layout.ts';
import { nodeOf } from './node-agent-view.ts';
import { MEBIBYTE, OVERHEAD_MEBIBYTES } from './overhead.ts';
import { readPodCgroup } from './pod-cgroup.ts';
import { auditedCreates, decisionRecords, messageOf } from './records.ts';
import { runtimeType } from './seed-checks.ts';
import { waitUntil } from './wait-until.ts';

const LABELLED = 'labelled';
const OPT_OUT = 'opt-out';
const PLAIN = 'plain';
const LIMIT_MEBIBYTES = 128;

/** What the product is for, with real workloads: Deployment, Job, bare Pod and annotated Pod. */
export async function checkScenario(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, LABELLED, { sandbox: 'gvisor' });
  await createNamespace(cluster, OPT_OUT, { sandbox: 'gvisor', 'sandbox-opt-out': 'allowed' });
  await createNamespace(cluster, PLAIN);
  await checkSandboxed(t, cluster);
  await checkLeftAlone(t, cluster);
  await checkDenials(t, cluster);
  await checkRecords(t, cluster);
}

async function checkSandboxed(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: podSpec() };
  const deployment = { replicas: 2, selector: { matchLabels: labels }, template };
  await createObject(cluster, { kind: 'Deployment', namespace: LABELLED, name: 'web', spec: deployment });
  const jobSpec = podSpec({ spec: { restartPolicy: 'Never' }, container: { command: ['uname', '-r'] } });
  const job = { template: { spec: jobSpec } };
  await createObject(cluster, { kind: 'Job', namespace: LABELLED, name: 'job', spec: job });
  const resources = { limits: { memory: `${LIMIT_MEBIBYTES}Mi`, cpu: '500m' } };
  const pods = [
    { namespace: LABELLED, name: 'bare', pod: sleepingPod('bare', { container: { resources } }) },
    { namespace: PLAIN, name: 'annotated', pod: sleepingPod('annotated', { annotations: { sandbox: 'gvisor' } }) },
  ];
  await createRunningPods(cluster, pods);

  await kubectl.run(['rollout', 'status', '--namespace', LABELLED, 'deployment/web', '--timeout=60s']);
  await kubectl.run(['wait', '--namespace', LABELLED, 'job/job', '--for=condition=Complete', '--timeout=60s']);
  t.match(await kubectl.run(['logs', '--namespace', LABELLED, 'job/job']), /-gvisor$/m, 'the Job saw gVisor');
  const exec = ['exec', '--namespace', LABELLED, 'deployment/web', '--', 'uname', '-r'];
  t.match(await kubectl.run(exec), '-gvisor', 'the Deployment runs in gVisor');
  for (const { namespace, name } of pods) {
    t.match(await kernelOf(cluster, namespace, name), '-gvisor', `Pod ${name} runs in gVisor`);
    t.equal(await runtimeType(name, await nodeOf(cluster, { namespace, name })), GVISOR_RUNTIME_TYPE);
  }
  const files = { version1: 'memory.limit_in_bytes', version2: 'memory.max' };
  const limit = Number(await readPodCgroup(cluster, { namespace: LABELLED, name: 'bare' }, files)) / MEBIBYTE;
  t.equal(limit, LIMIT_MEBIBYTES + OVERHEAD_MEBIBYTES, 'the host holds the sandbox to the limit and the overhead');
}

async function checkLeftAlone(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const spec = { nodeName: GVISOR_NODE.name };
  const optedOut = sleepingPod('opted-out', { annotations: { sandbox: 'none' }, spec });
  const { warnings } = await createPod(cluster, OPT_OUT, optedOut, { dryRun: true });
  t.not(warnings.length, 0, 'who opts out is warned');
  const pods = [
    { namespace: PLAIN, name: 'untouched', pod: sleepingPod('untouched', { spec }) },
    { namespace: OPT_OUT, name: 'opted-out', pod: optedOut },
  ];
  await createRunningPods(cluster, pods);
  for (const { namespace, name } of pods) {
    t.notMatch(await kernelOf(cluster, namespace, name), 'gvisor', `Pod ${name} runs under runc`);
  }
}

async function checkDenials(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const other = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'other' }, handler: 'runc' };
  const foreign = sleepingPod('no', { spec: { runtimeClassName: 'other' } });
  const unknown = await createPod(cluster, LABELLED, foreign);
  cluster.note(
    'A Pod that names a RuntimeClass that does not exist?',
    `the API server itself refuses it, before it asks us: ${messageOf(unknown.body)}`,
  );
  await cluster.kubectl.run(['create', '--filename', '-'], { input: JSON.stringify(other) });
  await waitUntil({
    what: 'the API server to know the RuntimeClass "other"',
    seconds: 10,
    check: async () => {
      const { body } = await createPod(cluster, PLAIN, foreign, { dryRun: true });
      return body.includes('not found') ? undefined : body;
    },
  });
  const refused = [
    { reason: 'OptOutForbidden', pod: sleepingPod('no', { annotations: { sandbox: 'none' } }) },
    { reason: 'RuntimeClassConflict', pod: foreign },
    { reason: 'RuntimeFlagForbidden', pod: sleepingPod('no', { annotations: { 'dev.gvisor.flag.host-uds': 'all' } }) },
    { reason: 'Incompatible', pod: sleepingPod('no', { spec: { hostNetwork: true } }) },
    { reason: 'UnknownProfile', pod: sleepingPod('no', { annotations: { sandbox: 'gviser' } }) },
  ] as const;
  for (const { reason, pod } of refused) {
    const { status, body } = await createPod(cluster, LABELLED, pod);
    t.equal(status, 403, reason);
    t.match(body, `denied the request: ${reason}: `);
  }
  const denied = await cluster.kubectl.create({ ...refused[3].pod, ...inNamespace(refused[3].pod, LABELLED) });
  cluster.note('What does kubectl show of a denial (B18)?', denied.stderr.trim());
  const dryRun = await createPod(cluster, LABELLED, sleepingPod('dry-run'), { dryRun: true });
  t.equal(dryRun.status, 201);
  t.match(dryRun.body, '"runtimeClassName":"gvisor"', 'a dry run is sandboxed too');
}

function inNamespace(pod: object, namespace: string): object {
  return {
    ...pod,
    metadata: { ...('metadata' in pod && typeof pod.metadata === 'object' ? pod.metadata : {}), namespace },
  };
}

/**
 * One record a call: the API server's audit log says for each request whether it asked us. Denials and dry runs are
 * requests like others; a controller that is refused tries again, and each try is a request.
 */
async function checkRecords(t: Test, cluster: ClusterUnderTest): Promise<void> {
  let counts = '';
  await waitUntil({
    what: 'as many records as calls',
    seconds: 15,
    check: async () => {
      const [records, creates] = [await decisionRecords(cluster), await auditedCreates()];
      const asked = creates.filter(({ calls }) => calls > 0);
      const denied = asked.filter(({ status }) => status === 403).length;
      const dry = asked.filter(({ dryRun }) => dryRun).length;
      counts = `${records.length} records; ${creates.length} creates, of which ${asked.length} were asked about: ${denied} denied, ${dry} dry runs, ${asked.length - denied - dry} stored`;
      const uids = new Set(records.map(({ requestUid }) => requestUid));
      return records.length === asked.length && uids.size === records.length ? counts : undefined;
    },
  }).catch((error: unknown) => t.fail(`${counts}; ${String(error)}`));
  cluster.note('Is there one record for each Pod create that the API server asked about?', counts);
  t.match(
    await auditReport(cluster),
    `"decisions": ${(await decisionRecords(cluster)).length}`,
    'audit counts them all',
  );
}
