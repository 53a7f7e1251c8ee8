import type { NetworkPolicy, PodDisruptionBudget, Service } from '../kube/objects.ts';
import type { Manifest } from './manifest.ts';
import { PORT_NAMES, SERVICE_NAME, SERVICE_PORT, WEBHOOK_LABELS, WEBHOOK_NAME } from './names.ts';

/** The Service that the API server calls; the metrics port is none of its business. */
export function serviceManifest(namespace: string): Manifest<Service> {
  return {
    file: 'service.yaml',
    comment: 'What the API server calls. Its DNS name stands in the serving certificate.',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: SERVICE_NAME, namespace, labels: WEBHOOK_LABELS },
      spec: {
        type: 'ClusterIP',
        selector: WEBHOOK_LABELS,
        ports: [{ name: PORT_NAMES.webhook, protocol: 'TCP', port: SERVICE_PORT, targetPort: PORT_NAMES.webhook }],
      },
    },
  };
}

/** Who may talk to the webhook, and that it talks to nobody. */
export function networkPolicyManifest(namespace: string): Manifest<NetworkPolicy> {
  return {
    file: 'network-policy.yaml',
    comment:
      'The webhook opens no connection, so nothing may leave; answers to admitted connections may. The webhook port is\n' +
      'open to all: the API server is no Pod, no selector finds it, and its address differs from cluster to cluster.\n' +
      'Who knows that address may add an ipBlock. The kubelet of the same node is always let through. Of no effect on\n' +
      'Pods with hostNetwork, nor where the network plugin knows no policies.',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: WEBHOOK_NAME, namespace, labels: WEBHOOK_LABELS },
      spec: {
        podSelector: { matchLabels: WEBHOOK_LABELS },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          { ports: [{ protocol: 'TCP', port: PORT_NAMES.webhook }] },
          { from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port: PORT_NAMES.metrics }] },
        ],
        egress: [],
      },
    },
    notes: [
      { path: ['spec', 'ingress', 0], text: 'Admission requests, from anywhere.' },
      { path: ['spec', 'ingress', 1], text: 'Metrics, from Pods of this cluster.' },
    ],
  };
}

/** Keeps a drain of nodes from taking all Pods of the webhook at once, and never blocks it for good. */
export function podDisruptionBudgetManifest(namespace: string): Manifest<PodDisruptionBudget> {
  return {
    file: 'pod-disruption-budget.yaml',
    comment: 'One Pod at a time; a Pod that is not ready anyway never blocks a drain.',
    object: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: WEBHOOK_NAME, namespace, labels: WEBHOOK_LABELS },
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: WEBHOOK_LABELS },
      },
    },
  };
}
