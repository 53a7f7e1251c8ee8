import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { waitForRollout, WEBHOOK_DEPLOYMENT, WEBHOOK_NAMESPACE, WEBHOOK_SELECTOR } from './install-webhook.ts';
import { messageOf } from './records.ts';

/** All replicas gone: nothing is created unsandboxed, and namespaces without a label do not notice. */
export async function checkOutage(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  await createNamespace(cluster, 'outage', { sandbox: 'gvisor' });
  await createNamespace(cluster, 'bystander');
  const scale = ['scale', '--namespace', WEBHOOK_NAMESPACE, WEBHOOK_DEPLOYMENT, '--replicas'];
  await kubectl.run([...scale, '0']);
  const pods = ['pods', '--namespace', WEBHOOK_NAMESPACE, '--selector', WEBHOOK_SELECTOR];
  await kubectl.run(['delete', ...pods, '--grace-period=0', '--force', '--ignore-not-found']);
  await kubectl.run(['wait', ...pods, '--for=delete', '--timeout=60s'], { timeout: 70_000 });
  const statuses: number[] = [];
  let message = '';
  for (let index = 0; index < 5; index += 1) {
    const { status, body } = await createPod(cluster, 'outage', sleepingPod(`outage-${index}`));
    statuses.push(status);
    message = messageOf(body);
  }
  t.notOk(statuses.includes(201), 'no Pod is created in a labelled namespace');
  t.equal(await kubectl.run(['get', 'pods', '--namespace', 'outage', '--output', 'name']), '');
  t.equal((await createPod(cluster, 'bystander', sleepingPod('pod'))).status, 201, 'an unlabelled namespace goes on');
  cluster.note(
    'All replicas killed, failurePolicy Fail?',
    `labelled namespaces: ${statuses.join(', ')}: ${message}; others: created`,
  );
  await kubectl.run([...scale, '2']);
  await waitForRollout(kubectl);
  t.equal((await createPod(cluster, 'outage', sleepingPod('after'))).status, 201, 'it is over when they are back');
}
