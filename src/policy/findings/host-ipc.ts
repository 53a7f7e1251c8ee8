import type { FindingRule } from '../finding.ts';
import { member } from '../json.ts';

/** The sentry always makes an IPC namespace of its own (gvisor: runsc/boot/loader.go). */
export const findHostIPC: FindingRule = pod =>
  member(pod.spec, 'hostIPC') === true
    ? [
        {
          code: 'HostIPC',
          severity: 'ignored',
          path: 'spec.hostIPC',
          message: 'ignored, a sandbox has an IPC namespace of its own',
        },
      ]
    : [];
