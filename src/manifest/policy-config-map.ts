import type { ConfigMap } from '../kube/objects.ts';
import type { Manifest } from './manifest.ts';
import { COMMON_LABELS, POLICY_KEY, policyConfigMapName } from './names.ts';

/** The policy file as the Pods of the webhook mount it. */
export function policyConfigMapManifest(options: {
  readonly namespace: string;
  readonly text: string;
  readonly digest: string;
}): Manifest<ConfigMap> {
  return {
    file: 'config-map.yaml',
    comment:
      'The policy, byte for byte. Its name is made of its digest, which is in every decision record: another policy is\n' +
      'another ConfigMap and a rollout. To change it, render again.',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: policyConfigMapName(options.digest), namespace: options.namespace, labels: COMMON_LABELS },
      immutable: true,
      data: { [POLICY_KEY]: options.text },
    },
  };
}
