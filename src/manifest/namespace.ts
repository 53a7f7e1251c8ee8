import type { Namespace, ResourceQuota, ServiceAccount } from '../kube/objects.ts';
import type { Manifest } from './manifest.ts';
import { COMMON_LABELS, CRITICAL_QUOTA_NAME, PRIORITY_CLASS, WEBHOOK_LABELS, WEBHOOK_NAME } from './names.ts';

/** Pods of that priority that the namespace may have: far above what a rollout of webhook and controller needs. */
const CRITICAL_PODS = '50';

/** The namespace of the webhook, held to the strictest Pod Security level. */
export function namespaceManifest(namespace: string): Manifest<Namespace> {
  return {
    file: 'namespace.yaml',
    comment: 'Home of the webhook. Its Pods need no privilege at all, and nothing else belongs here.',
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          ...COMMON_LABELS,
          'pod-security.kubernetes.io/enforce': 'restricted',
          'pod-security.kubernetes.io/audit': 'restricted',
          'pod-security.kubernetes.io/warn': 'restricted',
        },
      },
    },
  };
}

/** What some clusters ask for before they admit critical Pods outside kube-system. */
export function criticalQuotaManifest(namespace: string): Manifest<ResourceQuota> {
  return {
    file: 'resource-quota.yaml',
    comment:
      `Some clusters (GKE among them) admit Pods of priority ${PRIORITY_CLASS} outside kube-system only where a\n` +
      'quota permits them. Elsewhere it is a mere upper bound.',
    object: {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: CRITICAL_QUOTA_NAME, namespace, labels: COMMON_LABELS },
      spec: {
        hard: { pods: CRITICAL_PODS },
        scopeSelector: {
          matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: [PRIORITY_CLASS] }],
        },
      },
    },
  };
}

/** An identity without any rights. */
export function serviceAccountManifest(namespace: string): Manifest<ServiceAccount> {
  return {
    file: 'service-account.yaml',
    comment: 'The webhook never calls the API server: no role is bound to this account and no token is mounted.',
    object: {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: WEBHOOK_NAME, namespace, labels: WEBHOOK_LABELS },
      automountServiceAccountToken: false,
    },
  };
}
