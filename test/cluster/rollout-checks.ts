import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import type { ApiAnswer } from './api-client.ts';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { restartApiServer } from './control-plane.ts';
import { messageOf } from './records.ts';
import { waitForRollout, WEBHOOK_DEPLOYMENT, WEBHOOK_NAMESPACE } from './install-webhook.ts';

const NAMESPACE = 'rollout';
const CREATES = 1000;
const WORKERS = 4;
const RESTARTED_MILLISECONDS = 15_000;
const PAUSE_MILLISECONDS = 40;
const MAXIMUM_MILLISECONDS = 180_000;

/** A rolling restart of the webhook while Pods are created, by the ClusterIP and by the Pods' own addresses. */
export async function checkRollouts(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  await checkRollout(t, cluster, 'through the ClusterIP');
  await checkRestart(t, cluster);
  await checkRollout(t, cluster, 'with --enable-aggregator-routing');
}

/** An API server that has just started resolves the webhook's endpoints from the first Pod on. */
async function checkRestart(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const stopped = Date.now();
  await restartApiServer(cluster.parts.programs, cluster.signal, { aggregatorRouting: true });
  const begun = Date.now();
  const failures: string[] = [];
  let created = 0;
  while (Date.now() - begun < RESTARTED_MILLISECONDS) {
    created += 1;
    const answer = await createPod(cluster, NAMESPACE, sleepingPod('restarted-'), { dryRun: true });
    if (!isSandboxed(answer)) failures.push(describeFailure(answer, begun));
    await setTimeout(PAUSE_MILLISECONDS);
  }
  t.strictSame(failures.slice(0, 3), [], 'creates succeed from the start after a restart of the API server');
  cluster.note(
    'After a restart of the API server, with --enable-aggregator-routing?',
    `${failures.length} of ${created} creates failed after ${begun - stopped} ms without it. After 62 s without any API server, as it was once seen, the nodes counted as not ready (50 s), their Pods left the endpoints, and creates failed with "no endpoints available" until the kubelets' next sync, 5 to 10 s later`,
  );
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
      if (!isSandboxed(answer)) failures.push(describeFailure(answer, begun));
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

function isSandboxed({ status, body }: ApiAnswer): boolean {
  return status === 201 && body.includes('"runtimeClassName":"gvisor"');
}

function describeFailure({ status, body }: ApiAnswer, begun: number): string {
  return `after ${Date.now() - begun} ms: ${status}: ${messageOf(body)}`;
}
