import type { Container } from '../kube/objects.ts';
import type { Note } from './manifest.ts';
import { AGENT_SCRIPT, HOST_FOLDER, METRICS_PORT, NODE_NAME, POLICY_FOLDER, POLICY_KEY, PORT_NAMES } from './names.ts';
import { nodeVolumeMounts } from './node-volumes.ts';

/** What the container differs in. */
export interface NodeContainerOptions {
  /** The webhook's. */
  readonly namespace: string;
  readonly nodeImage: string;
}

/** Files of others, and files for others, are written; no other capability is used. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] as const;

/** The long-lived process has less than 70 MiB; what unpacks a mirror's archive needs 128 MiB for zstd's window alone. */
const MEMORY_LIMIT = '384Mi';

/** The container of the node agent. */
export function nodeContainer({ namespace, nodeImage }: NodeContainerOptions): Container {
  return {
    name: NODE_NAME,
    image: nodeImage,
    imagePullPolicy: 'IfNotPresent',
    args: nodeArguments(namespace),
    env: [
      { name: 'NODE_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } },
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
    ],
    ports: [{ name: PORT_NAMES.metrics, containerPort: METRICS_PORT }],
    livenessProbe: {
      httpGet: { path: '/livez', port: PORT_NAMES.metrics, scheme: 'HTTP' },
      periodSeconds: 20,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: {
      httpGet: { path: '/readyz', port: PORT_NAMES.metrics, scheme: 'HTTP' },
      periodSeconds: 10,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    resources: { requests: { cpu: '10m', memory: '80Mi' }, limits: { memory: MEMORY_LIMIT } },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: CAPABILITIES },
    },
    volumeMounts: nodeVolumeMounts(),
  };
}

/** Components append to this list, and put nothing between. */
function nodeArguments(namespace: string): readonly string[] {
  return [
    AGENT_SCRIPT,
    'agent',
    `--root=${HOST_FOLDER}`,
    `--policy=${POLICY_FOLDER}/${POLICY_KEY}`,
    `--namespace=${namespace}`,
    `--metrics-port=${METRICS_PORT}`,
  ];
}

/** Comments inside the container that stands at `path`. */
export function nodeContainerNotes(path: Note['path']): readonly Note[] {
  const at = (...rest: Note['path']) => [...path, ...rest];
  return [
    {
      path: at('image'),
      text:
        "No image is published: kustomize's images: names yours. Proofs run this image too, as their Pods must start without\n" +
        'pulling anything.',
    },
    { path: at('args'), text: "The image's entry point is node." },
    { path: at('livenessProbe'), text: 'A restart of the agent changes nothing on the node.' },
    {
      path: at('resources'),
      text: 'A release is unpacked and checked in a process of its own, which ends: its peak is what the limit is for.',
    },
    {
      path: at('securityContext', 'runAsUser'),
      text: 'systemd listens to root alone, and the files are its own. No privileged, no host namespace.',
    },
    {
      path: at('securityContext', 'capabilities', 'add'),
      text:
        "Owner (CHOWN) and mode (FOWNER) of a file that is not root's stay as they were when it is written anew, and one that\n" +
        'root may not read is read (DAC_OVERRIDE).',
    },
  ];
}
