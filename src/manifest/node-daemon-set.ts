import type { DaemonSet, PodSpec } from '../kube/objects.ts';
import { INSTALL_LABEL, nodeNamespace } from '../policy/keys.ts';
import type { Manifest, Note } from './manifest.ts';
import { METRICS_PORT, NODE_LABELS, NODE_NAME, NODE_PRIORITY_CLASS } from './names.ts';
import { nodeContainer, type NodeContainerOptions, nodeContainerNotes } from './node-container.ts';
import { nodeVolumeNotes, nodeVolumes } from './node-volumes.ts';

/** What the DaemonSet differs in. */
export interface DaemonSetOptions extends NodeContainerOptions {
  readonly policyDigest: string;
}

/** For a change that is under way to come to its end: restart and gate together. */
export const NODE_GRACE_SECONDS = 120;

/** The node agent, on every node that has the admin's label. */
export function daemonSetManifest(options: DaemonSetOptions): Manifest<DaemonSet> {
  return {
    file: 'node-daemon-set.yaml',
    comment:
      `The node agent: installs gVisor on its node, proves it, marks the node, and gives it back. On nodes labelled\n` +
      `${INSTALL_LABEL}=true or false. That it ends removes nothing from a node; only the label false does.`,
    object: {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: NODE_NAME, namespace: nodeNamespace(options.namespace), labels: NODE_LABELS },
      spec: {
        revisionHistoryLimit: 3,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
        selector: { matchLabels: NODE_LABELS },
        template: {
          metadata: {
            labels: NODE_LABELS,
            annotations: {
              'prometheus.io/scrape': 'true',
              'prometheus.io/port': String(METRICS_PORT),
              'prometheus.io/path': '/metrics',
            },
          },
          spec: nodePodSpec(options),
        },
      },
    },
    notes: [...NOTES, ...podNotes(['spec', 'template', 'spec'])],
  };
}

function nodePodSpec(options: DaemonSetOptions): PodSpec {
  return {
    serviceAccountName: NODE_NAME,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    priorityClassName: NODE_PRIORITY_CLASS,
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [nodeTerm()] } } },
    tolerations: [{ operator: 'Exists' }],
    terminationGracePeriodSeconds: NODE_GRACE_SECONDS,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    containers: [nodeContainer(options)],
    volumes: nodeVolumes(options.policyDigest),
  };
}

/** The label comes last: the component all-linux-nodes takes it out by its place. */
function nodeTerm() {
  return {
    matchExpressions: [
      { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
      { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64', 'arm64'] },
      { key: INSTALL_LABEL, operator: 'In', values: ['true', 'false'] },
    ],
  };
}

const NOTES: readonly Note[] = [
  {
    path: ['spec', 'updateStrategy'],
    text: 'One node at a time. Where nothing of gVisor changes with the new agent, nothing is written and nothing restarted.',
  },
  {
    path: ['spec', 'template', 'metadata', 'annotations'],
    text: 'For a Prometheus that reads annotations; others find the port named "metrics".',
  },
];

function podNotes(path: Note['path']): readonly Note[] {
  const at = (...rest: Note['path']) => [...path, ...rest];
  return [
    { path: at('automountServiceAccountToken'), text: 'It reads and marks its Node. The token names the node.' },
    {
      path: at('priorityClassName'),
      text: 'A node without its agent is neither repaired nor given back. Where a quota must permit it, node-resource-quota.yaml does.',
    },
    { path: at('affinity'), text: 'gVisor is released for these two architectures.' },
    {
      path: at('tolerations'),
      text: 'Nodes kept for sandboxes are tainted, and new ones until they are proved: the agent is what they wait for.',
    },
    {
      path: at('terminationGracePeriodSeconds'),
      text: 'A change that is under way comes to its end. If the agent dies all the same, a timer on the node undoes it.',
    },
    ...nodeContainerNotes(at('containers', 0)),
    ...nodeVolumeNotes(at('volumes')),
  ];
}
