import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { waitForRollout, WEBHOOK_DEPLOYMENT, WEBHOOK_NAMESPACE, WEBHOOK_SELECTOR } from './install-webhook.ts';
import { READY_KEY } from './node-agent-view.ts';
import { messageOf } from './records.ts';

/** What the backstop answers with. */
const DENIED = 403;

/**
 * All replicas gone: the backstop refuses what nothing injected, lets through what is sandboxed already, and namespaces
 * without a label do not notice.
 */
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
  t.strictSame(new Set(statuses), new Set([DENIED]), 'no Pod is created outside of a sandbox in a labelled namespace');
  t.match(message, /gvisor-injector-labelled.*NotInjected/s, 'the backstop says that nothing injected it');
  t.equal(await kubectl.run(['get', 'pods', '--namespace', 'outage', '--output', 'name']), '');
  const sandboxed = { runtimeClassName: 'gvisor', nodeSelector: { [READY_KEY]: 'ready' } };
  const compliant = await createPod(cluster, 'outage', sleepingPod('compliant', { spec: sandboxed }));
  t.equal(compliant.status, 201, 'a Pod that is sandboxed already is created');
  t.equal((await createPod(cluster, 'bystander', sleepingPod('pod'))).status, 201, 'an unlabelled namespace goes on');
  cluster.note(
    'All replicas killed, failurePolicy Ignore with the backstop?',
    `labelled namespaces: ${statuses.join(', ')}: ${message}; Pods that are sandboxed already, and other namespaces: created`,
  );
  await kubectl.run([...scale, '2']);
  await waitForRollout(kubectl);
  t.equal((await createPod(cluster, 'outage', sleepingPod('after'))).status, 201, 'it is over when they are back');
}
