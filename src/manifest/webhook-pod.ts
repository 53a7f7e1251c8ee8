import type { PodSpec } from '../kube/objects.ts';
import type { Note } from './manifest.ts';
import { CERTIFICATE_SECRET_NAME, policyConfigMapName, PRIORITY_CLASS, WEBHOOK_LABELS, WEBHOOK_NAME } from './names.ts';
import {
  type ContainerOptions,
  containerNotes,
  DRAIN_SECONDS,
  PRE_STOP_SECONDS,
  VOLUMES,
  webhookContainer,
} from './webhook-container.ts';

/** What the Pods of the webhook differ in. */
export interface PodOptions extends ContainerOptions {
  readonly policyDigest: string;
}

/** Distroless images call this user `nonroot`. */
const NON_ROOT = 65532;

/** Secret files that the Pod's group may read and nobody else. */
const GROUP_READABLE = 0o440;

/** Longer than preStop and drain together, with time to close. */
export const GRACE_SECONDS = 30;

/** The Pod of the webhook: no token, no privilege, no writable file. */
export function webhookPodSpec(options: PodOptions): PodSpec {
  return {
    serviceAccountName: WEBHOOK_NAME,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    priorityClassName: PRIORITY_CLASS,
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    topologySpreadConstraints: [
      spread('kubernetes.io/hostname', 'DoNotSchedule'),
      spread('topology.kubernetes.io/zone', 'ScheduleAnyway'),
    ],
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NON_ROOT,
      runAsGroup: NON_ROOT,
      fsGroup: NON_ROOT,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [webhookContainer(options)],
    volumes: [
      { name: VOLUMES.policy, configMap: { name: policyConfigMapName(options.policyDigest) } },
      { name: VOLUMES.certificate, secret: { secretName: CERTIFICATE_SECRET_NAME, defaultMode: GROUP_READABLE } },
    ],
  };
}

/** Comments inside the Pod spec that stands at `path`. */
export function podNotes(path: Note['path']): readonly Note[] {
  return [
    {
      path: [...path, 'priorityClassName'],
      text:
        'Labelled namespaces get no Pods while the webhook is down, so it must not wait for room. Allowed in any\n' +
        'namespace since Kubernetes 1.17; where a quota must permit it, resource-quota.yaml does.',
    },
    {
      path: [...path, 'topologySpreadConstraints'],
      text:
        'Never two of one revision on a node while another node is free, and over zones where there are some.\n' +
        'Honor: a node that is tainted, such as one of the control plane, is not waited for.',
    },
    {
      path: [...path, 'terminationGracePeriodSeconds'],
      text: `More than preStop (${PRE_STOP_SECONDS} s) and drain (${DRAIN_SECONDS} s) together.`,
    },
    ...containerNotes([...path, 'containers', 0]),
    { path: [...path, 'volumes', 1, 'secret', 'defaultMode'], text: '0440 in octal.' },
  ];
}

type SpreadConstraint = NonNullable<PodSpec['topologySpreadConstraints']>[number];

function spread(topologyKey: string, whenUnsatisfiable: string): SpreadConstraint {
  return {
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable,
    nodeTaintsPolicy: 'Honor',
    labelSelector: { matchLabels: WEBHOOK_LABELS },
    matchLabelKeys: ['pod-template-hash'],
  };
}
