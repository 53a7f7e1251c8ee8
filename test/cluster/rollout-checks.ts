import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { restartApiServer } from './control-plane.ts';
import { messageOf } from './records.ts';
import { waitForRollout, WEBHOOK_DEPLOYMENT, WEBHOOK_NAMESPACE } from './install-webhook.ts';

const NAMESPACE = 'rollout';
const CREATES = 1000;
const WORKERS = 4;
const SETTLED_MILLISECONDS = 15_000;
const PAUSE_MILLISECONDS = 40;
const MAXIMUM_MILLISECONDS = 180_000;

/** A rolling restart of the webhook while Pods are created, by the ClusterIP and by the Pods' own addresses. */
export async function checkRollouts(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  await checkRollout(t, cluster, 'through the ClusterIP');
  await restartApiServer(cluster.parts.programs, cluster.signal, { aggregatorRouting: true });
  const first = await createPod(cluster, NAMESPACE, sleepingPod('first'), { dryRun: true });
  t.match(first.body, '"runtimeClassName":"gvisor"', 'the first Pod after a restart of the API server is sandboxed');
  await settle(t, cluster);
  await checkRollout(t, cluster, 'with --enable-aggregator-routing');
}

/**
 * Kubelets and controllers find the API server again within seconds, and until then it may know no endpoints. That is
 * noted, not judged: the rollout begins once creates have succeeded for a while.
 */
async function settle(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const begun = Date.now();
  let [created, failed, lastFailure] = [0, 0, begun];
  while (Date.now() - lastFailure < SETTLED_MILLISECONDS && Date.now() - begun < MAXIMUM_MILLISECONDS) {
    created += 1;
    const { status } = await createPod(cluster, NAMESPACE, sleepingPod('settle-'), { dryRun: true });
    if (status !== 201) [failed, lastFailure] = [failed + 1, Date.now()];
    await setTimeout(PAUSE_MILLISECONDS);
  }
  t.ok(Date.now() - lastFailure >= SETTLED_MILLISECONDS, 'creates succeed again after a restart of the API server');
  const answer = `${failed} of ${created} creates failed, the last after ${lastFailure - begun} ms`;
  cluster.note('After a restart of the API server, with --enable-aggregator-routing?', answer);
}

async function checkRollout(t: Test, cluster: ClusterUnderTest, how: string): Promise<void> {
  const { kubectl } = cluster;
  await kubectl.run(['rollout', 'restart', '--namespace', WEBHOOK_NAMESPACE, WEBHOOK_DEPLOYMENT]);
  const end = Date.now() + MAXIMUM_MILLISECONDS;
  let created = 0;
  const rollout = { isOver: false };
  const begun = Date.now();
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    while ((!rollout.isOver || created < CREATES) && Date.now() < end) {
      created += 1;
      const answer = await createPod(cluster, NAMESPACE, sleepingPod('load-'), { dryRun: true });
      if (answer.status !== 201 || !answer.body.includes('"runtimeClassName":"gvisor"')) {
        failures.push(`after ${Date.now() - begun} ms: ${answer.status}: ${messageOf(answer.body)}`);
      }
      await setTimeout(PAUSE_MILLISECONDS);
    }
  };
  const finished = waitForRollout(kubectl).finally(() => {
    rollout.isOver = true;
  });
  await Promise.all([finished, ...Array.from({ length: WORKERS }, work)]);
  t.ok(created >= CREATES, `${created} creates during the rollout`);
  t.strictSame([...failures.slice(0, 3), ...failures.slice(-3)], [], `no create fails during a rollout ${how}`);
  cluster.note(
    `A rolling restart under constant creation, ${how} (T3, B6)?`,
    `${failures.length} of ${created} creates failed`,
  );
}
