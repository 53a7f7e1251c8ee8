import type { FindingRule } from '../finding.ts';

/**
 * The scheduler is bypassed; the kubelet still enforces the injected nodeSelector at admission, so on a node without a
 * sandbox the Pod fails instead of running unsandboxed (kubernetes: pkg/kubelet/lifecycle/predicate.go).
 */
export const findNodeNamePreset: FindingRule = pod =>
  pod.nodeName === undefined || pod.nodeName === ''
    ? []
    : [
        {
          code: 'NodeNamePreset',
          severity: 'changed',
          path: 'spec.nodeName',
          message: 'not scheduled, the Pod fails if that node is not ready for sandboxes',
        },
      ];
