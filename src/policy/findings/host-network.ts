import type { FindingRule } from '../finding.ts';
import { member } from '../json.ts';

/**
 * containerd drops the network namespace from the spec and runsc starts the sandbox in a new, empty one: no interface,
 * no DNS, and no error (gvisor: runsc/sandbox/sandbox.go, google/gvisor#9657).
 */
export const findHostNetwork: FindingRule = pod =>
  member(pod.spec, 'hostNetwork') === true
    ? [
        {
          code: 'HostNetwork',
          severity: 'error',
          path: 'spec.hostNetwork',
          message: 'a sandbox has no host network, the Pod would get an empty one',
        },
      ]
    : [];
