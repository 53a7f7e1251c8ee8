import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { GVISOR_NODE } from './layout.ts';
import { decisionRecords } from './records.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'requests';
const INJECTED = '"runtimeClassName":"gvisor"';
/** Longer than the 90 s for which the API server keeps an idle connection. */
const IDLE_MILLISECONDS = 100_000;
/** What the documentation of admission webhooks advises. */
const MAXIMUM_WARNING_CHARACTERS = 120;
const BIG_BYTES = 2_900_000;

/** Requests that a webhook can fail at: big, hostile, after a long silence, without a name. */
export async function checkRequests(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  const dryRun = { dryRun: true };

  const value = 'x'.repeat(BIG_BYTES);
  const big = await createPod(
    cluster,
    NAMESPACE,
    sleepingPod('big', { container: { env: [{ name: 'A', value }] } }),
    dryRun,
  );
  t.equal(big.status, 201, 'a Pod of nearly 3 MiB is sandboxed');
  t.match(big.body.slice(-200_000), INJECTED);
  cluster.note('A Pod of nearly 3 MiB, as a dry run (T2)?', `answered ${big.status}, sandboxed`);

  const attributes = JSON.stringify(
    sleepingPod('proto', {
      spec: { volumes: [{ name: 'v', csi: { driver: 'd', volumeAttributes: { PROTO: 'x' } } }] },
    }),
  );
  const proto = await createPod(cluster, NAMESPACE, attributes.replace('PROTO', '__proto__'), dryRun);
  t.equal(proto.status, 201, 'a Pod with __proto__ in volumeAttributes is sandboxed');
  t.match(proto.body, INJECTED);
  t.match(proto.body, '"__proto__":"x"', 'and keeps it');
  cluster.note('`__proto__` among volumeAttributes (T4)?', 'sandboxed, and the key survives');

  const unnamed = await createPod(cluster, NAMESPACE, sleepingPod('unnamed-'), dryRun);
  t.match(unnamed.body, INJECTED);
  const records = await decisionRecords(cluster);
  const record = records.find(({ generateName }) => generateName === 'unnamed-');
  t.match(record, { generateName: 'unnamed-', dryRun: true });
  cluster.note(
    'Has a Pod with generateName a name in the request (B27)?',
    record?.name === undefined ? 'no' : `yes: ${record.name}`,
  );

  await checkWarnings(t, cluster);
  await checkLabelLag(t, cluster);
  await setTimeout(IDLE_MILLISECONDS);
  const late = await createPod(cluster, NAMESPACE, sleepingPod('late'), dryRun);
  t.equal(late.status, 201, 'after 100 s of silence a Pod is sandboxed');
  cluster.note('A Pod after 100 s without any (T1)?', `answered ${late.status}`);
}

/** Warnings reach who creates the Pod, whole: the API server cuts long ones and drops what is not printable. */
async function checkWarnings(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const warned = { nodeName: GVISOR_NODE.name, hostPID: true, hostIPC: true };
  const shown: string[] = [];
  for (const [name, spec] of [
    ['warned', warned],
    ['warned-and-denied', { ...warned, hostNetwork: true }],
  ] as const) {
    const pod = { ...sleepingPod(name, { spec }), metadata: { name, namespace: NAMESPACE } };
    const create = ['create', '--dry-run=server', '--filename', '-'];
    const { stderr } = await cluster.kubectl.attempt(create, { input: JSON.stringify(pod) });
    const { warnings } = await createPod(cluster, NAMESPACE, pod, { dryRun: true });
    t.ok(warnings.length >= 3, `Pod ${name} gets a warning for each of its fields`);
    for (const warning of warnings) {
      t.ok(stderr.includes(`Warning: ${warning}\n`), `kubectl shows it whole: ${warning}`);
      t.ok(warning.length <= MAXIMUM_WARNING_CHARACTERS, 'and it is short');
    }
    shown.push(['```', stderr.trim(), '```'].join('\n'));
  }
  cluster.note('What does kubectl show of warnings (B19)?', shown.join('\n\n'));
}

/** A label that is added to a namespace counts once the API server's watch has seen it. */
async function checkLabelLag(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const name = 'labelled-later';
  await createNamespace(cluster, name);
  await cluster.kubectl.run(['label', 'namespace', name, 'sandbox=gvisor']);
  const labelled = Date.now();
  let creates = 0;
  await waitUntil({
    what: 'a label to count',
    seconds: 10,
    intervalMilliseconds: 1,
    check: async () => {
      creates += 1;
      const { body } = await createPod(cluster, name, sleepingPod('pod'), { dryRun: true });
      return body.includes(INJECTED) ? body : undefined;
    },
  });
  t.ok(Date.now() - labelled < 5000, 'a label that was added counts within 5 s');
  const when =
    creates === 1
      ? 'at the first Pod after kubectl label'
      : `at Pod ${creates}, ${Date.now() - labelled} ms after kubectl label`;
  cluster.note('How long until a label that was added to a namespace counts (B12)?', when);
}
