import type { Deployment } from '../kube/objects.ts';
import type { Manifest, Note } from './manifest.ts';
import { METRICS_PORT, WEBHOOK_LABELS, WEBHOOK_NAME } from './names.ts';
import { type PodOptions, podNotes, webhookPodSpec } from './webhook-pod.ts';

const REPLICAS = 2;

/** The Deployment of the webhook. */
export function deploymentManifest(options: PodOptions & { readonly namespace: string }): Manifest<Deployment> {
  return {
    file: 'deployment.yaml',
    comment: 'The webhook. All that it decides by is in the request and in its policy file.',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: WEBHOOK_NAME, namespace: options.namespace, labels: WEBHOOK_LABELS },
      spec: {
        replicas: REPLICAS,
        revisionHistoryLimit: 3,
        minReadySeconds: 5,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        selector: { matchLabels: WEBHOOK_LABELS },
        template: {
          metadata: {
            labels: WEBHOOK_LABELS,
            annotations: {
              'prometheus.io/scrape': 'true',
              'prometheus.io/port': String(METRICS_PORT),
              'prometheus.io/path': '/metrics',
            },
          },
          spec: webhookPodSpec(options),
        },
      },
    },
    notes: [...NOTES, ...podNotes(['spec', 'template', 'spec'])],
  };
}

const NOTES: readonly Note[] = [
  {
    path: ['spec', 'minReadySeconds'],
    text: 'Leaves the network time to learn of a new Pod before the next old one goes.',
  },
  { path: ['spec', 'strategy'], text: 'A new Pod serves before an old one stops.' },
  {
    path: ['spec', 'template', 'metadata', 'annotations'],
    text: 'For a Prometheus that reads annotations; others find the port named "metrics".',
  },
];
