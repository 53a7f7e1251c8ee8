import type { RuntimeClass } from '../kube/objects.ts';
import type { Profile } from '../policy/policy.ts';
import type { Manifest } from './manifest.ts';
import { COMMON_LABELS } from './names.ts';

/**
 * The RuntimeClass of a profile. Its scheduling and overhead are the profile's own, so that a Pod which names the class
 * itself lands as well as one that the webhook patched.
 */
export function runtimeClassManifest(profile: Profile): Manifest<RuntimeClass> {
  const { name, runtimeClassName, handler, nodeSelector, tolerations, overhead } = profile;
  const hasOverhead = Object.keys(overhead).length > 0;
  const hasNodeSelector = Object.keys(nodeSelector).length > 0;
  const hasTolerations = tolerations.length > 0;
  return {
    file: `runtime-class-${runtimeClassName}.yaml`,
    comment:
      `The sandbox of profile "${name}". Look first whether the cluster has a RuntimeClass of this name already\n` +
      `(kubectl get runtimeclass ${runtimeClassName}), as GKE does: then use the component without-runtimeclass.`,
    object: {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: runtimeClassName, labels: COMMON_LABELS },
      handler,
      ...(hasOverhead ? { overhead: { podFixed: overhead } } : {}),
      ...(hasNodeSelector || hasTolerations
        ? { scheduling: { ...(hasNodeSelector ? { nodeSelector } : {}), ...(hasTolerations ? { tolerations } : {}) } }
        : {}),
    },
    notes: [
      { path: ['handler'], text: 'The name of the runtime in the configuration of containerd.' },
      ...(hasOverhead
        ? [
            {
              path: ['overhead'],
              text: 'What a sandbox itself needs: the scheduler and quotas count it, and the Pod may use it beyond its limits.',
            },
          ]
        : []),
      ...(hasNodeSelector || hasTolerations
        ? [
            {
              path: ['scheduling'],
              text: 'As in the policy: two values for one key would make the API server refuse every such Pod.',
            },
          ]
        : []),
    ],
  };
}
