import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { checkAnswers } from './answer-checks.ts';
import { createApiClient } from './api-client.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { checkCrash } from './crash-checks.ts';
import { whyNotHere } from './debian-packages.ts';
import { writeFindings } from './findings.ts';
import { checkIdleCost } from './idle-cost-checks.ts';
import { installWebhook } from './install-webhook.ts';
import { createKubectl } from './kubectl.ts';
import { STATE_FOLDER } from './layout.ts';
import { machineSnapshot } from './machine-snapshot.ts';
import { checkObjects } from './object-checks.ts';
import { checkOutage } from './outage-checks.ts';
import { buildProductImage } from './product-image.ts';
import { createProgress } from './progress.ts';
import { checkReboot } from './reboot-checks.ts';
import { checkRequests } from './request-checks.ts';
import { checkRollouts } from './rollout-checks.ts';
import { checkScenario } from './scenario-checks.ts';
import { checkGvisorByHand } from './seed-checks.ts';
import { prepareParts, startCluster } from './start-cluster.ts';
import { findLeftovers, tearDown } from './tear-down.ts';
import { importImage } from './test-image.ts';

/** Building everything from nothing is in it. */
const TIMEOUT_MILLISECONDS = 50 * 60_000;
const options = { timeout: TIMEOUT_MILLISECONDS };

t.setTimeout(TIMEOUT_MILLISECONDS);
const refusal = await whyNotHere();
if (refusal === undefined) await t.test('the product on a cluster', options, testCluster);
else t.pass('a cluster on this machine', { skip: `the test cluster cannot run here: ${refusal}` });

/** One cluster for all: each check leaves it as it found it. */
async function testCluster(t: Test): Promise<void> {
  const { signal } = new AbortController();
  const progress = createProgress(process.stderr);
  const notes: { readonly question: string; readonly answer: string }[] = [];
  t.teardown(tearDown);
  await tearDown();
  const parts = await prepareParts(progress, signal);
  await t.test('nothing is left of a cluster that crashed while it started', options, checkCrash);
  const before = await machineSnapshot();
  await startCluster(parts, progress, signal);
  const kubectl = createKubectl(parts.programs);
  const api = createApiClient();
  t.teardown(() => api.close());
  const note: ClusterUnderTest['note'] = (question, answer) => {
    notes.push({ question, answer });
    t.comment(`${question} ${answer}`);
  };
  const cluster: ClusterUnderTest = { kubectl, api, parts, signal, note };
  const archive = join(STATE_FOLDER, 'product-image.tar');

  await t.test('gVisor set up by hand passes the checks of the manual procedure', options, t =>
    checkGvisorByHand(t, cluster),
  );
  await progress('the product image', () => buildProductImage({ tree: parts.tree, archive, signal }));
  await progress('importing the product image', () => importImage(archive));
  await rm(archive);
  await progress('installing the webhook', () => installWebhook(kubectl));
  await t.test('a labelled namespace runs its Pods in gVisor, and others stay as they are', options, t =>
    checkScenario(t, cluster),
  );
  await t.test('unusual requests get their answers', options, t => checkRequests(t, cluster));
  await t.test('answers that the product never gives', options, t => checkAnswers(t, cluster));
  await t.test('objects around the Pod', options, t => checkObjects(t, cluster));
  await t.test('the idle cost of a sandbox', options, t => checkIdleCost(t, cluster));
  await t.test('a rolling restart under load fails no request', options, t => checkRollouts(t, cluster));
  await t.test('without the webhook labelled namespaces get no Pods and others do', options, t =>
    checkOutage(t, cluster),
  );
  await t.test('a node reboots and runs its Pods in gVisor again', options, t => checkReboot(t, cluster));
  await writeFindings(notes, parts.programs);
  await t.test('down leaves nothing', options, async t => {
    await tearDown();
    t.strictSame(await findLeftovers(), []);
    t.strictSame(await machineSnapshot(), before, 'the machine is as before');
  });
}
