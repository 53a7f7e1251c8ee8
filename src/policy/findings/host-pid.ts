import type { FindingRule } from '../finding.ts';
import { member } from '../json.ts';

/** The containers join the sandbox's own root PID namespace (gvisor: runsc/boot/loader.go). */
export const findHostPID: FindingRule = pod =>
  member(pod.spec, 'hostPID') === true
    ? [
        {
          code: 'HostPID',
          severity: 'ignored',
          path: 'spec.hostPID',
          message: 'ignored, a sandbox sees only the processes of its own Pod',
        },
      ]
    : [];
