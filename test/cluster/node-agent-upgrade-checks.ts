import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { INSTALL_LABEL } from '../../src/policy/keys.ts';
import {
  type ClusterUnderTest,
  createNamespace,
  createRunningPods,
  kernelOf,
  sleepingPod,
} from './cluster-under-test.ts';
import { type GvisorPayload, makePayload } from './gvisor-payload.ts';
import { installProduct } from './install-webhook.ts';
import { type NodeLayout, NODES, STATE_FOLDER } from './layout.ts';
import { treeOf, waitForRemoval } from './node-agent-install-checks.ts';
import {
  AGENT_DAEMON_SET,
  AGENT_NAMESPACE,
  containerdStart,
  identityOf,
  labelNode,
  clearSandboxes,
  replaceAgent,
  waitForAgents,
  waitForMarks,
  waitForProof,
} from './node-agent-view.ts';
import { buildNodeImage, NODE_IMAGE } from './node-image.ts';
import { runInNode } from './node-machine.ts';
import { importImage } from './test-image.ts';

const NAMESPACE = 'upgrade';
const SECOND_IMAGE = `${NODE_IMAGE}-2`;
const KILLS = 2;
/** An install takes about as long. */
const KILL_WITHIN_MILLISECONDS = 3500;

/** Agents come and go: nothing is restarted for that alone, and a sandbox outlives the release that it was started by. */
export async function checkUpgrades(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const { kubectl } = cluster;
  await createNamespace(cluster, NAMESPACE, { sandbox: 'gvisor' });
  const look = await runOnAll(cluster, 'before');
  await checkAgentUpgrade(t, cluster, look);
  await checkReleaseUpgrade(t, cluster, look);
  await kubectl.run(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
}

/** Starts a sandboxed Pod on every node. Returns who they are, and what they see. */
async function runOnAll(cluster: ClusterUnderTest, prefix: string): Promise<() => Promise<readonly string[]>> {
  const pods = NODES.map(({ name }) => ({ namespace: NAMESPACE, name: `${prefix}-${name}`, node: name }));
  await createRunningPods(
    cluster,
    pods.map(({ namespace, name, node }) => ({
      namespace,
      name,
      pod: sleepingPod(name, { spec: { nodeName: node } }),
    })),
  );
  return async () =>
    await Promise.all(
      pods.map(async pod => `${await identityOf(cluster, pod)} ${await kernelOf(cluster, NAMESPACE, pod.name)}`),
    );
}

async function checkAgentUpgrade(
  t: Test,
  cluster: ClusterUnderTest,
  look: () => Promise<readonly string[]>,
): Promise<void> {
  const state = async (): Promise<unknown> => [
    await look(),
    await Promise.all(NODES.map(async node => [await containerdStart(node), await treeOf(node)])),
  ];
  const before = await state();
  const begun = Date.now();
  await cluster.kubectl.run(['rollout', 'restart', '--namespace', AGENT_NAMESPACE, AGENT_DAEMON_SET]);
  await waitForAgents(cluster);
  for (const node of NODES) await waitForProof(cluster, node);
  const seconds = (Date.now() - begun) / 1000;
  t.strictSame(await state(), before, 'no file was written, no containerd restarted, no Pod touched');
  cluster.note(
    'A new agent, with the same release of gVisor?',
    `rolled over both nodes in ${seconds.toFixed(0)} s; no file was written, containerd was not restarted, the nodes stayed ready`,
  );
}

async function checkReleaseUpgrade(
  t: Test,
  cluster: ClusterUnderTest,
  look: () => Promise<readonly string[]>,
): Promise<void> {
  const payload = await secondPayload(cluster);
  const archive = join(STATE_FOLDER, 'image.tar');
  const { folder, release } = payload;
  await buildNodeImage({ payload: folder, release, archive, signal: cluster.signal, image: SECOND_IMAGE });
  await importImage(archive);
  await rm(archive);
  const before = await look();
  await installProduct(cluster.kubectl, { nodeImage: SECOND_IMAGE });
  for (const node of NODES) await waitForRelease(cluster, node, release);
  t.strictSame(await look(), before, 'sandboxes of the former release keep running');
  const releases = await runInNode(NODES[0], ['ls', '/opt/gvisor-injector/releases']);
  t.equal(releases.trim().split('\n').length, 2, 'and their release stays');
  const fresh = await runOnAll(cluster, 'after');
  t.match((await fresh()).join(), '-gvisor', 'new ones start by the new release');
  await installProduct(cluster.kubectl);
  for (const node of NODES) await waitForRelease(cluster, node, releaseWords(releases, release));
  t.strictSame(await look(), before, 'and back again');
  cluster.note(
    'Another release of gVisor, under running sandboxes, and back again?',
    'sandboxes of the former release keep running, in place and with theirs; new ones start by the new one; nodes stay ready',
  );
}

async function waitForRelease(cluster: ClusterUnderTest, node: NodeLayout, release: string): Promise<void> {
  await waitForMarks(cluster, node, {
    what: `to be proved with gVisor ${release}`,
    seconds: 120,
    until: ({ label, status, message }) => {
      return label === 'ready' && status === 'True' && message.startsWith(`gVisor ${release} `);
    },
  });
}

function releaseWords(releases: string, other: string): string {
  return releases.split('\n').find(name => name !== '' && name !== other) ?? '';
}

/** The programs that there are, with another version in runsc's own words, as a newer one would be. */
async function secondPayload({ parts }: ClusterUnderTest): Promise<GvisorPayload> {
  const { release } = await makePayload(parts.programs.gvisor, join(STATE_FOLDER, 'payload'));
  const other = `${release.slice(0, -1)}${release.endsWith('0') ? '1' : '0'}`;
  const programs = join(STATE_FOLDER, 'second-programs');
  await mkdir(programs, { recursive: true });
  const runsc = await readFile(join(parts.programs.gvisor, 'runsc'));
  for (let at = runsc.indexOf(release); at >= 0; at = runsc.indexOf(release, at + 1)) runsc.write(other, at);
  await writeFile(join(programs, 'runsc'), runsc);
  await chmod(join(programs, 'runsc'), 0o755);
  await copyFile(join(parts.programs.gvisor, 'containerd-shim-runsc-v1'), join(programs, 'containerd-shim-runsc-v1'));
  return await makePayload(programs, join(STATE_FOLDER, 'second-payload'));
}

/** All processes of the agent are killed at any moment of an install, several times; no sandbox is on the nodes. */
export async function checkKills(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await Promise.all(NODES.map(async node => await checkKillsOn(t, cluster, node)));
}

async function checkKillsOn(t: Test, cluster: ClusterUnderTest, node: NodeLayout): Promise<void> {
  const moments: string[] = [];
  for (let round = 0; round < KILLS; round += 1) {
    await clearSandboxes(node);
    await labelNode(cluster, node, [INSTALL_LABEL, 'false']);
    // The sandbox of a proof that has just ended holds it up until the kubelet has cleared it, and looks grow rarer.
    await waitForRemoval(cluster, node, 240);
    await labelNode(cluster, node, [INSTALL_LABEL, 'true']);
    const moment = Math.random() * KILL_WITHIN_MILLISECONDS;
    await setTimeout(moment);
    await runInNode(node, ['sh', '-c', KILL_SCRIPT]);
    await waitForProof(cluster, node, 120);
    moments.push(`${(moment / 1000).toFixed(1)} s`);
  }
  const left = await runInNode(node, [
    'sh',
    '-c',
    'ls /etc/systemd/system /run/systemd/transient | grep gvisor || true',
  ]);
  t.equal(left, '', `no timer is left on ${node.name}`);
  t.equal(await runInNode(node, ['sh', '-c', 'find /etc/containerd /opt/gvisor-injector -name ".*" -type f']), '');
  cluster.note(
    `The agent on ${node.name} killed in the middle of an install?`,
    `after ${moments.join(', ')}: ready by proof each time, and nothing is left`,
  );
  // One whose container has just been killed several times is made to wait.
  await replaceAgent(cluster, node);
}

const KILL_SCRIPT = `kill -9 $(pgrep --full '^/nodejs/bin/node /app/(agent.cjs|main.cjs node step) ')`;
