import t, { type Test } from 'tap';
import { checkAnswers } from './answer-checks.ts';
import { createApiClient } from './api-client.ts';
import { type ClusterUnderTest, removeTestNamespaces } from './cluster-under-test.ts';
import { checkCrash } from './crash-checks.ts';
import { whyNotHere } from './debian-packages.ts';
import { type Finding, writeFindings } from './findings.ts';
import { checkIdleCost } from './idle-cost-checks.ts';
import { provideImages, writeOverlay } from './install-webhook.ts';
import { createKubectl } from './kubectl.ts';
import { machineSnapshot } from './machine-snapshot.ts';
import { checkDoubts } from './node-agent-doubt-checks.ts';
import { checkDrift } from './node-agent-drift-checks.ts';
import {
  checkAdoption,
  checkNodeInstall,
  checkReadmeApply,
  checkReadmeNamespace,
  type NodeTrees,
} from './node-agent-install-checks.ts';
import { checkRemoval } from './node-agent-removal-checks.ts';
import { measureRest } from './node-agent-rest.ts';
import { checkKills, checkUpgrades } from './node-agent-upgrade-checks.ts';
import { checkNodeRights } from './node-rights-checks.ts';
import { checkObjects } from './object-checks.ts';
import { checkOutage } from './outage-checks.ts';
import { createProgress } from './progress.ts';
import { checkReboot } from './reboot-checks.ts';
import { checkRequests } from './request-checks.ts';
import { checkRollouts } from './rollout-checks.ts';
import { checkScenario } from './scenario-checks.ts';
import { checkGvisorByHand } from './seed-checks.ts';
import { prepareParts, startCluster } from './start-cluster.ts';
import { findLeftovers, tearDown } from './tear-down.ts';

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
  const [notes, nodeNotes]: readonly [Finding[], Finding[]] = [[], []];
  t.teardown(tearDown);
  await tearDown();
  const parts = await prepareParts(progress, signal);
  await t.test('nothing is left of a cluster that crashed while it started', options, checkCrash);
  const before = await machineSnapshot();
  await startCluster(parts, progress, signal);
  const kubectl = createKubectl(parts.programs);
  const api = createApiClient();
  t.teardown(() => api.close());
  const noteIn =
    (findings: Finding[]): ClusterUnderTest['note'] =>
    (question, answer) => {
      findings.push({ question, answer });
      t.comment(`${question} ${answer}`);
    };
  const cluster: ClusterUnderTest = { kubectl, api, parts, signal, note: noteIn(notes) };
  const nodes: ClusterUnderTest = { ...cluster, note: noteIn(nodeNotes) };

  await t.test('gVisor set up by hand passes the checks of the manual procedure', options, t =>
    checkGvisorByHand(t, cluster),
  );
  await provideImages(cluster, progress);
  await writeOverlay();
  await t.test("the first of the README's three commands installs the product", options, t =>
    checkReadmeApply(t, nodes),
  );
  await t.test('what somebody set up by hand is proved and left as it is', options, t => checkAdoption(t, nodes));
  let original: NodeTrees = new Map();
  await t.test('the second makes both nodes ready, from nothing', options, async t => {
    original = await checkNodeInstall(t, nodes);
  });
  await t.test('after the third Pods run in gVisor', options, t => checkReadmeNamespace(t, nodes));
  const describeRest = await measureRest(nodes);
  await t.test('a labelled namespace runs its Pods in gVisor, and others stay as they are', options, t =>
    checkScenario(t, cluster),
  );
  await t.test('unusual requests get their answers', options, t => checkRequests(t, cluster));
  await t.test('answers that the product never gives', options, t => checkAnswers(t, cluster));
  await t.test('objects around the Pod', options, t => checkObjects(t, cluster));
  await t.test('the idle cost of a sandbox', options, t => checkIdleCost(t, cluster));
  await t.test('agents at rest leave the API server alone', options, describeRest);
  await t.test('a rolling restart under load fails no request', options, t => checkRollouts(t, cluster));
  await t.test('without the webhook labelled namespaces get no Pods outside of a sandbox, and others do', options, t =>
    checkOutage(t, cluster),
  );
  await t.test('a node reboots and runs its Pods in gVisor again', options, t => checkReboot(t, cluster));
  await testNodeAgent(t, nodes, original);
  await t.test("what a node agent's token is good for", options, t => checkNodeRights(t, nodes));
  await writeFindings(
    { file: 'api-server-behaviour.md', title: 'What the API server does', findings: notes },
    parts.programs,
  );
  await writeFindings(
    { file: 'node-agent.md', title: 'The node agent on a real cluster', findings: nodeNotes },
    parts.programs,
  );
  await t.test('down leaves nothing', options, async t => {
    await tearDown();
    t.strictSame(await findLeftovers(), []);
    t.strictSame(await machineSnapshot(), before, 'the machine is as before');
  });
}

/** What may happen to nodes that are ready. @param original the nodes' files before any install */
async function testNodeAgent(t: Test, cluster: ClusterUnderTest, original: NodeTrees): Promise<void> {
  await removeTestNamespaces(cluster);
  await t.test('what others change of ours is put right, under Pods that run', options, t => checkDrift(t, cluster));
  await t.test('a node is given back when its sandboxes have ended, and a bad policy makes none ready', options, t =>
    checkRemoval(t, cluster, original),
  );
  await t.test('what says nothing of gVisor costs no node its label', options, t => checkDoubts(t, cluster));
  await t.test('agents and releases are replaced under sandboxes that run', options, t => checkUpgrades(t, cluster));
  await t.test('an agent that is killed in an install leaves nothing half done', options, t => checkKills(t, cluster));
}
