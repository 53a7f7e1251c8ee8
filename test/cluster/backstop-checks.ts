import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type AloneResult, checkAlone } from './backstop-alone.ts';
import { type Api, createApi } from './backstop-api.ts';
import { checkDifferential, type Differential } from './backstop-differential.ts';
import { type ForeignWebhook, startForeignWebhook } from './backstop-foreign-webhook.ts';
import { checkLabelWindow } from './backstop-label-window.ts';
import { LATER_PATCHES } from './backstop-later-attacks.ts';
import { checkTypes } from './backstop-limits.ts';
import { checkNamespaces } from './backstop-namespace-attacks.ts';
import { newestPrograms, oldestPrograms } from './backstop-oldest.ts';
import { checkBackstopOutage } from './backstop-outage.ts';
import { type PageFacts, writePage } from './backstop-page.ts';
import { clearSite, gatedPod, NAMESPACES, prepareSite, seeCreate, type Site } from './backstop-site.ts';
import { checkAttacks } from './backstop-table.ts';
import { installTwoProfiles, readTwoProfiles, restoreDefault } from './backstop-two-profiles.ts';
import { createWebhookControl, type WebhookSwitch } from './backstop-webhook-states.ts';
import { checkWorkloads, type WorkloadRow } from './backstop-workloads.ts';
import { certificateFile } from './cluster-certificates.ts';
import { type ClusterUnderTest, sleepingPod, valueOf, waitForRunning } from './cluster-under-test.ts';
import { waitForRollout, WEBHOOK_DEPLOYMENT, WEBHOOK_NAMESPACE, WEBHOOK_SELECTOR } from './install-webhook.ts';
import { API_SERVER, GVISOR_NODE, HOST_ADDRESS, nodeFolder } from './layout.ts';
import { waitUntil } from './wait-until.ts';

/** The backstop on the cluster, then on API servers without nodes: the newest and the oldest version. Renders docs/backstop.md. */
export async function checkBackstop(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const onCluster = await checkOnCluster(t, cluster);
  const differentials: (readonly [string, Differential])[] = [];
  const alone: AloneResult[] = [];
  const { programs } = cluster.parts;
  for (const controlPlane of [newestPrograms(programs), await oldestPrograms(programs, cluster.signal)]) {
    const result = await checkAlone(t, controlPlane, cluster.signal);
    alone.push(result);
    differentials.push([result.version, await checkDifferential(t, controlPlane, cluster.signal)]);
  }
  await writePage({ ...onCluster, differentials, alone });
}

type ClusterFacts = Omit<PageFacts, 'differentials' | 'alone'>;

async function checkOnCluster(t: Test, cluster: ClusterUnderTest): Promise<ClusterFacts> {
  const api = await createClusterApi();
  await using foreign = await startForeignWebhook(HOST_ADDRESS, LATER_PATCHES);
  try {
    await installTwoProfiles(cluster, api);
    const site = await prepareSite(api, GVISOR_NODE.name);
    const facts = await attack(t, cluster, { site, foreign });
    const removedProfile = await removeProfile(t, cluster, site);
    await clearSite(site);
    return { ...facts, removedProfile };
  } finally {
    api.close();
  }
}

async function attack(
  t: Test,
  cluster: ClusterUnderTest,
  { site, foreign }: { readonly site: Site; readonly foreign: ForeignWebhook },
): Promise<Omit<ClusterFacts, 'removedProfile'>> {
  const webhook = await createWebhookControl(site, killReplicas(cluster), foreign);
  await checkTypes(t, site, (await readTwoProfiles()).policy);
  const attacks = await checkAttacks(t, { site, webhook, foreign });
  const window = await checkLabelWindow(t, site);
  const up = await checkWorkloads(t, site, 'sandboxed as gvisor');
  const down: WorkloadRow[] = [];
  let staticPod = '';
  const outage = await checkBackstopOutage(t, {
    site,
    webhook,
    meanwhile: async () => {
      staticPod = await runStaticPod(t, cluster);
      down.push(...(await checkWorkloads(t, site, 'backstop: NotInjected')));
    },
  });
  const namespaces = await checkNamespaces(t, site);
  return { attacks, window, workloads: { up, down }, staticPod, outage, namespaces };
}

async function createClusterApi(): Promise<Api> {
  const [ca, cert, key] = await Promise.all([
    readFile(certificateFile('ca', 'crt'), 'utf8'),
    readFile(certificateFile('admin', 'crt'), 'utf8'),
    readFile(certificateFile('admin', 'key'), 'utf8'),
  ]);
  return createApi({ server: API_SERVER, ca, credentials: { cert, key } });
}

/** Kills every replica at once, and starts as many again. */
function killReplicas({ kubectl }: ClusterUnderTest): WebhookSwitch {
  const scale = ['scale', '--namespace', WEBHOOK_NAMESPACE, WEBHOOK_DEPLOYMENT, '--replicas'];
  const pods = ['pods', '--namespace', WEBHOOK_NAMESPACE, '--selector', WEBHOOK_SELECTOR];
  return {
    stop: async () => {
      await kubectl.run([...scale, '0']);
      await kubectl.run(['delete', ...pods, '--grace-period=0', '--force', '--ignore-not-found']);
    },
    start: async () => {
      await kubectl.run([...scale, '2']);
      await waitForRollout(kubectl);
    },
  };
}

/** A static Pod in a labelled namespace, while the webhook is down. */
async function runStaticPod(t: Test, cluster: ClusterUnderTest): Promise<string> {
  const folder = join(nodeFolder(GVISOR_NODE), 'root/etc/kubernetes-static-pods');
  const file = join(folder, 'backstop.json');
  const namespace = NAMESPACES.gvisor.name;
  const pod = { ...sleepingPod('backstop'), metadata: { name: 'backstop', namespace } };
  const name = `backstop-${GVISOR_NODE.name}`;
  await mkdir(folder, { recursive: true });
  await writeFile(file, JSON.stringify(pod));
  try {
    await waitForRunning(cluster, namespace, name);
    const runtimeClass = await valueOf(cluster, { namespace, kind: 'pod', name }, '{.spec.runtimeClassName}');
    t.equal(runtimeClass, '', 'the mirror of a static Pod is let through as it is');
    return 'it runs on its node, and its mirror is let through as it is';
  } finally {
    await rm(file);
  }
}

/** Goes back to the policy of the cluster, which has no profile `strict`. */
async function removeProfile(t: Test, cluster: ClusterUnderTest, site: Site): Promise<string> {
  await restoreDefault(cluster, site.api);
  const seen = await waitUntil({
    what: 'the former policy to be forgotten',
    seconds: 30,
    check: async () => {
      const found = await seeCreate(site, 'strict', gatedPod('attack'));
      return found === 'backstop: UnknownProfile' ? found : undefined;
    },
  });
  t.equal(await seeCreate(site, 'gvisor', gatedPod('attack')), 'sandboxed as gvisor', 'the other profile stays');
  return seen;
}
