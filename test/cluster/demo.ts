import type { Writable } from 'node:stream';
import { createApiClient } from './api-client.ts';
import {
  auditTable,
  type ClusterUnderTest,
  createNamespace,
  createPod,
  kernelOf,
  sleepingPod,
  waitForRunning,
} from './cluster-under-test.ts';
import { INSTALL_LABEL } from '../../src/policy/keys.ts';
import { installProduct, provideImages } from './install-webhook.ts';
import { createKubectl } from './kubectl.ts';
import { NODES } from './layout.ts';
import { labelNode, waitForProof } from './node-agent-view.ts';
import type { Progress } from './progress.ts';
import { messageOf } from './records.ts';
import type { ClusterParts } from './start-cluster.ts';

/** What the demo needs. */
export interface DemoOptions {
  readonly parts: ClusterParts;
  readonly progress: Progress;
  readonly stdout: Writable;
  readonly signal: AbortSignal;
}

/** Shows the product on a cluster that is up: the product, gVisor on both nodes, some Pods, and the audit of the records. */
export async function runDemo({ parts, progress, stdout, signal }: DemoOptions): Promise<void> {
  const kubectl = createKubectl(parts.programs);
  const api = createApiClient();
  const cluster: ClusterUnderTest = { kubectl, api, parts, signal, note: () => undefined };
  const existing = await kubectl.attempt([
    'get',
    'deployment',
    '--namespace',
    'gvisor-injector',
    'gvisor-injector-webhook',
  ]);
  if (existing.code !== 0) {
    await provideImages(cluster, progress);
    await progress('installing the product', () => installProduct(kubectl));
    for (const node of NODES) await labelNode(cluster, node, [INSTALL_LABEL, 'true']);
    await progress('waiting for the nodes to be ready by proof', async () => {
      for (const node of NODES) await waitForProof(cluster, node);
    });
  }
  try {
    await showPods(cluster, stdout);
    stdout.write(`\n$ kubectl logs ... | audit\n${await auditTable(cluster)}`);
  } finally {
    api.close();
  }
}

async function showPods(cluster: ClusterUnderTest, stdout: Writable): Promise<void> {
  const labelled = `demo-${Date.now().toString(36)}`;
  const plain = `${labelled}-plain`;
  await createNamespace(cluster, labelled, { sandbox: 'gvisor' });
  await createNamespace(cluster, plain);
  stdout.write(`Namespace ${labelled} has the label sandbox=gvisor, ${plain} has none.\n\n`);
  const pods = [
    { what: 'a Pod in the labelled namespace', namespace: labelled, name: 'bare', pod: sleepingPod('bare') },
    { what: 'a Pod in the plain namespace', namespace: plain, name: 'plain', pod: sleepingPod('plain') },
    {
      what: 'an annotated Pod in the plain namespace',
      namespace: plain,
      name: 'annotated',
      pod: sleepingPod('annotated', { annotations: { sandbox: 'gvisor' } }),
    },
    {
      what: 'a Pod with hostNetwork in the labelled namespace',
      namespace: labelled,
      name: 'host',
      pod: sleepingPod('host', { spec: { hostNetwork: true } }),
    },
    {
      what: 'a Pod that opts out in the labelled namespace',
      namespace: labelled,
      name: 'out',
      pod: sleepingPod('out', { annotations: { sandbox: 'none' } }),
    },
  ];
  for (const { what, namespace, name, pod } of pods) {
    const { status, body } = await createPod(cluster, namespace, pod);
    if (status === 201) {
      await waitForRunning(cluster, namespace, name);
      stdout.write(`${what}: its kernel is ${await kernelOf(cluster, namespace, name)}\n`);
    } else stdout.write(`${what}: ${messageOf(body)}\n`);
  }
}
