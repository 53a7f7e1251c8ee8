import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { restartApiServer } from './control-plane.ts';
import { waitForRollout, WEBHOOK_DEPLOYMENT, WEBHOOK_NAMESPACE } from './install-webhook.ts';

const NAMESPACE = 'rollout';
const CREATES = 1000;
const WORKERS = 4;
const MAXIMUM_MILLISECONDS = 180_000;

/** A rolling restart of the webhook while Pods are created, by the ClusterIP and by the Pods' own addresses. */
export async function checkRollouts(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  await checkRollout(t, cluster, 'through the ClusterIP');
  await restartApiServer(cluster.parts.programs, cluster.signal, { aggregatorRouting: true });
  const first = await createPod(cluster, NAMESPACE, sleepingPod('first'), { dryRun: true });
  t.match(first.body, '"runtimeClassName":"gvisor"', 'the first Pod after a restart of the API server is sandboxed');
  await checkRollout(t, cluster, 'with --enable-aggregator-routing');
}

async function checkRollout(t: Test, cluster: ClusterUnderTest, how: string): Promise<void> {
  const { kubectl } = cluster;
  await kubectl.run(['rollout', 'restart', '--namespace', WEBHOOK_NAMESPACE, WEBHOOK_DEPLOYMENT]);
  const end = Date.now() + MAXIMUM_MILLISECONDS;
  let created = 0;
  const rollout = { isOver: false };
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    while ((!rollout.isOver || created < CREATES) && Date.now() < end) {
      created += 1;
      const answer = await createPod(cluster, NAMESPACE, sleepingPod('load-'), { dryRun: true });
      if (answer.status !== 201 || !answer.body.includes('"runtimeClassName":"gvisor"')) {
        failures.push(`${answer.status}: ${answer.body.slice(0, 500)}`);
      }
    }
  };
  const finished = waitForRollout(kubectl).finally(() => {
    rollout.isOver = true;
  });
  await Promise.all([finished, ...Array.from({ length: WORKERS }, work)]);
  t.ok(created >= CREATES, `${created} creates during the rollout`);
  t.strictSame(failures.slice(0, 5), [], `no create fails during a rollout ${how}`);
  cluster.note(
    `A rolling restart under constant creation, ${how} (T3, B6)?`,
    `${failures.length} of ${created} creates failed`,
  );
}
