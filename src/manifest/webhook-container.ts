import type { Container } from '../kube/objects.ts';
import type { Note } from './manifest.ts';
import {
  CERTIFICATE_FOLDER,
  CERTIFICATE_KEYS,
  IMAGE_SCRIPT,
  METRICS_PORT,
  POLICY_FOLDER,
  POLICY_KEY,
  PORT_NAMES,
  WEBHOOK_NAME,
  WEBHOOK_PORT,
} from './names.ts';

/** What the container differs in. */
export interface ContainerOptions {
  readonly namespace: string;
  readonly image: string;
}

/** Volumes that the Pod must have. */
export const VOLUMES = { policy: 'policy', certificate: 'certificate' } as const;

/**
 * Seconds in which a Pod that was told to go keeps serving as usual, until the Service has forgotten it; then the seconds
 * in which `serve` answers with `Connection: close`, so that the API server's kept connections move elsewhere.
 */
export const PRE_STOP_SECONDS = 5;
export const DRAIN_SECONDS = 15;

/** V8's bounds: 165 MiB at the peak of 1 MB requests over 8 connections, at the same CPU for usual ones. */
export const NODE_OPTIONS = '--max-semi-space-size=8 --max-old-space-size=64';

/** Above the peak under the worst bodies that are let in, which a test sends (test/webhook/memory.test.ts). */
export const MEMORY_LIMIT_MEBIBYTES = 256;

/** The container that runs `serve`. */
export function webhookContainer({ namespace, image }: ContainerOptions): Container {
  return {
    name: WEBHOOK_NAME,
    image,
    imagePullPolicy: 'IfNotPresent',
    args: serveArguments(namespace),
    env: [{ name: 'NODE_OPTIONS', value: NODE_OPTIONS }],
    ports: [
      { name: PORT_NAMES.webhook, containerPort: WEBHOOK_PORT },
      { name: PORT_NAMES.metrics, containerPort: METRICS_PORT },
    ],
    livenessProbe: {
      httpGet: { path: '/livez', port: PORT_NAMES.metrics, scheme: 'HTTP' },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: {
      httpGet: { path: '/readyz', port: PORT_NAMES.webhook, scheme: 'HTTPS' },
      periodSeconds: 5,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: `${MEMORY_LIMIT_MEBIBYTES}Mi` } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: VOLUMES.policy, mountPath: POLICY_FOLDER, readOnly: true },
      { name: VOLUMES.certificate, mountPath: CERTIFICATE_FOLDER, readOnly: true },
    ],
  };
}

/** The ports come first: the component hostnetwork replaces them by their place in the list. */
function serveArguments(namespace: string): readonly string[] {
  return [
    IMAGE_SCRIPT,
    'serve',
    `--port=${WEBHOOK_PORT}`,
    `--metrics-port=${METRICS_PORT}`,
    `--policy=${POLICY_FOLDER}/${POLICY_KEY}`,
    `--cert=${CERTIFICATE_FOLDER}/${CERTIFICATE_KEYS.certificate}`,
    `--key=${CERTIFICATE_FOLDER}/${CERTIFICATE_KEYS.key}`,
    `--namespace=${namespace}`,
    `--drain-seconds=${DRAIN_SECONDS}`,
  ];
}

/** Comments inside the container that stands at `path`. */
export function containerNotes(path: Note['path']): readonly Note[] {
  const at = (...rest: Note['path']) => [...path, ...rest];
  return [
    { path: at('image'), text: "No image is published: kustomize's images: names yours." },
    { path: at('args'), text: "The image's entry point is node." },
    {
      path: at('env', 0),
      text: 'Without bounds Node grows to 430 MiB under requests of 1 MB; with these it stays below 170.',
    },
    {
      path: at('livenessProbe'),
      text: 'On the plain port: a certificate that is missing or expired is no reason to restart.',
    },
    { path: at('readinessProbe'), text: 'Through TLS, as the API server comes.' },
    {
      path: at('lifecycle'),
      text:
        'Serves as usual until the Service has forgotten this Pod; only then SIGTERM, and answers that say\n' +
        'Connection: close. On by default since Kubernetes 1.30, and no shell is needed.',
    },
    { path: at('resources'), text: 'No CPU limit: throttling would delay every Pod that is created.' },
    {
      path: at('volumeMounts', 1),
      text: 'The whole volume, no subPath: the kubelet swaps renewed files in, and the webhook reloads them.',
    },
  ];
}
