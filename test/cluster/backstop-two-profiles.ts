import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterObject } from '../../src/kube/objects.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { findProfile } from '../../src/policy/policy.ts';
import { deploymentManifest } from '../../src/manifest/deployment.ts';
import { policyConfigMapManifest } from '../../src/manifest/policy-config-map.ts';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import type { Api } from './backstop-api.ts';
import { admissionObjects, applyObject, readObject, removeObject } from './backstop-objects.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { installProduct, waitForRollout } from './install-webhook.ts';
import { REPOSITORY } from './layout.ts';
import { PRODUCT_IMAGE } from './product-image.ts';
import { isJsonObject, member } from '../../src/policy/json.ts';

const POLICY_FILE = join(REPOSITORY, 'test/fixtures/policies/two-profiles.yaml');
const CONFIGURATION = { kind: 'MutatingWebhookConfiguration', metadata: { name: 'gvisor-injector' } } as const;

/** The policy with two profiles, as the cluster's webhook gets it. */
export async function readTwoProfiles() {
  const text = await readFile(POLICY_FILE, 'utf8');
  return parsePolicyDocument(text, { file: POLICY_FILE, namespace: DEFAULT_NAMESPACE });
}

/**
 * Changes the policy of the webhook that is installed, as a rollout, and the backstop with it. Not of the node agent: no
 * node needs the second handler here.
 */
export async function installTwoProfiles({ kubectl }: ClusterUnderTest, api: Api): Promise<void> {
  const { text, policy, digest } = await readTwoProfiles();
  const namespace = DEFAULT_NAMESPACE;
  const workload = [
    policyConfigMapManifest({ namespace, text, digest }),
    deploymentManifest({ namespace, policyDigest: digest, image: PRODUCT_IMAGE }),
  ].map(({ object }) => object);
  const items = [...admissionObjects(policy), ...workload].filter(({ kind }) => kind !== CONFIGURATION.kind);
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl.run(['apply', '--filename', '-'], { input: list });
  await waitForRollout(kubectl);
  for (const object of admissionObjects(policy)) {
    if (object.kind === CONFIGURATION.kind) await applyObject(api, await trusted(api, object));
  }
}

/** Goes back to what was installed first. What the other policy left behind is removed. */
export async function restoreDefault({ kubectl }: ClusterUnderTest, api: Api): Promise<void> {
  await installProduct(kubectl);
  const { policy, digest } = await readTwoProfiles();
  const runtimeClassName = findProfile(policy, 'strict')?.runtimeClassName ?? '';
  await removeObject(api, { kind: 'RuntimeClass', metadata: { name: runtimeClassName } });
  const configMap = policyConfigMapManifest({ namespace: DEFAULT_NAMESPACE, text: '', digest }).object.metadata.name;
  await kubectl.run(['delete', 'configmap', configMap, '--namespace', DEFAULT_NAMESPACE]);
}

/** The configuration with the certificate by which the one that is installed trusts the webhook. */
async function trusted(api: Api, object: ClusterObject): Promise<ClusterObject> {
  if (object.kind !== 'MutatingWebhookConfiguration') return object;
  const { webhooks: installed } = await readObject(api, CONFIGURATION);
  const first: unknown = Array.isArray(installed) ? installed[0] : undefined;
  const clientConfig = isJsonObject(first) ? member(first, 'clientConfig') : undefined;
  const caBundle = isJsonObject(clientConfig) ? String(member(clientConfig, 'caBundle')) : '';
  const webhooks = (object.webhooks ?? []).map(entry => ({
    ...entry,
    clientConfig: { ...entry.clientConfig, caBundle },
  }));
  return { ...object, webhooks };
}
