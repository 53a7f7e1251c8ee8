import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processesInGroups } from './cgroups.ts';
import { certificateFile, kubeconfigFile } from './cluster-certificates.ts';
import { logFile, startDaemon } from './daemon.ts';
import { kubernetesVersion, type ProgramFolders } from './go-programs.ts';
import { kubernetesMinor } from './kubernetes-module.ts';
import {
  API_PORT,
  API_SERVER,
  CONTROL_PLANE_ADDRESS,
  LOG_FOLDER,
  type NodeLayout,
  nodeFolder,
  POD_RANGE,
  SERVICE_RANGE,
  STATE_FOLDER,
} from './layout.ts';
import { NODE_KUBERNETES_FOLDER, NODE_PROXY_FILE } from './node-files.ts';
import { runCommand } from './run-command.ts';
import { waitUntil } from './wait-until.ts';

/** What may differ from one start of the API server to the next. */
export interface ApiServerOptions {
  /** The API server resolves a Service to a Pod's address itself (`--enable-aggregator-routing`). */
  readonly aggregatorRouting?: boolean;
}

const ETCD = 'http://127.0.0.1:2379';
/** kube-proxy's nftables mode is on by default since Kubernetes 1.31. */
const FIRST_MINOR_WITH_NFTABLES = 31;
const API_SERVER_NAME = 'kube-apiserver';
const AUDIT_POLICY_FILE = join(STATE_FOLDER, 'audit-policy.json');

/** The API server's audit log: one line for each request that creates a Pod, with the webhook's audit annotations. */
export const AUDIT_LOG_FILE = join(LOG_FOLDER, 'audit.jsonl');

const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', verbs: ['create'], resources: [{ group: '', resources: ['pods'] }] }, { level: 'None' }],
} as const;

/** Starts etcd, API server, controllers and scheduler, and waits until the API server serves. */
export async function startControlPlane(folders: ProgramFolders, signal: AbortSignal): Promise<void> {
  await writeFile(AUDIT_POLICY_FILE, JSON.stringify(AUDIT_POLICY));
  const data = join(STATE_FOLDER, 'etcd');
  await mkdir(data, { mode: 0o700 });
  await startDaemon({
    name: 'etcd',
    command: [
      join(folders.etcd, 'etcd'),
      `--data-dir=${data}`,
      `--listen-client-urls=${ETCD}`,
      `--advertise-client-urls=${ETCD}`,
      '--listen-peer-urls=http://127.0.0.1:2380',
      // Nothing here outlives a crash of the machine.
      '--unsafe-no-fsync',
    ],
  });
  await startApiServer(folders, signal);
  await startController(folders, 'kube-controller-manager', controllerManagerFlags());
  await startController(folders, 'kube-scheduler', []);
}

/** Starts the API server and waits until it is ready. */
export async function startApiServer(
  folders: ProgramFolders,
  signal: AbortSignal,
  options: ApiServerOptions = {},
): Promise<void> {
  await startDaemon({
    name: API_SERVER_NAME,
    command: [join(folders.kubernetes, API_SERVER_NAME), ...apiServerFlags(options)],
  });
  await waitUntil({
    what: 'the API server to be ready',
    seconds: 90,
    check: async () => {
      const args = ['--silent', '--fail', '--max-time', '2', '--cacert', certificateFile('ca', 'crt')];
      return await runCommand('curl', [...args, `${API_SERVER}/readyz`]);
    },
    logFile: logFile(API_SERVER_NAME),
    signal,
  });
}

/** Ends the API server and starts it with other options. */
export async function restartApiServer(
  folders: ProgramFolders,
  signal: AbortSignal,
  options: ApiServerOptions,
): Promise<void> {
  await stopApiServer(signal);
  await startApiServer(folders, signal, options);
}

/** Ends the API server. */
export async function stopApiServer(signal: AbortSignal): Promise<void> {
  for (const id of await processesInGroups(API_SERVER_NAME)) process.kill(id, 'SIGTERM');
  await waitUntil({
    what: 'the API server to end',
    seconds: 90,
    check: async () => ((await processesInGroups(API_SERVER_NAME)).length === 0 ? 'ended' : undefined),
    logFile: logFile(API_SERVER_NAME),
    signal,
  });
}

async function startController(folders: ProgramFolders, name: string, flags: readonly string[]): Promise<void> {
  const kubeconfig = kubeconfigFile(name);
  await startDaemon({
    name,
    command: [
      join(folders.kubernetes, name),
      `--kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      '--leader-elect=false',
      ...flags,
    ],
  });
}

function apiServerFlags({ aggregatorRouting = false }: ApiServerOptions): readonly string[] {
  return [
    `--etcd-servers=${ETCD}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${CONTROL_PLANE_ADDRESS}`,
    `--secure-port=${API_PORT}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--client-ca-file=${certificateFile('ca', 'crt')}`,
    `--tls-cert-file=${certificateFile('kube-apiserver', 'crt')}`,
    `--tls-private-key-file=${certificateFile('kube-apiserver', 'key')}`,
    `--kubelet-client-certificate=${certificateFile('kubelet-client', 'crt')}`,
    `--kubelet-client-key=${certificateFile('kubelet-client', 'key')}`,
    `--kubelet-certificate-authority=${certificateFile('ca', 'crt')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${certificateFile('service-account', 'key')}`,
    `--service-account-signing-key-file=${certificateFile('service-account', 'key')}`,
    `--audit-policy-file=${AUDIT_POLICY_FILE}`,
    `--audit-log-path=${AUDIT_LOG_FILE}`,
    `--enable-aggregator-routing=${aggregatorRouting}`,
    // Without it a stop waits 60 s for watches; nodes that are not heard of for 50 s count as not ready, and their Pods
    // leave the endpoints until the kubelets' next sync.
    '--shutdown-send-retry-after=true',
  ];
}

function controllerManagerFlags(): readonly string[] {
  return [
    '--use-service-account-credentials=true',
    `--root-ca-file=${certificateFile('ca', 'crt')}`,
    `--service-account-private-key-file=${certificateFile('service-account', 'key')}`,
    `--cluster-signing-cert-file=${certificateFile('ca', 'crt')}`,
    `--cluster-signing-key-file=${certificateFile('ca', 'key')}`,
    `--cluster-cidr=${POD_RANGE}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
  ];
}

/** Starts kube-proxy for the control plane, so that the API server reaches a webhook by its ClusterIP. */
export async function startProxy(folders: ProgramFolders): Promise<void> {
  const config = join(STATE_FOLDER, 'kube-proxy.json');
  const kubeconfig = kubeconfigFile('kube-proxy');
  await writeFile(config, proxyConfiguration({ kubeconfig, nodeName: 'node-1', version: kubernetesVersion(folders) }));
  await startDaemon({ name: 'kube-proxy', command: [join(folders.kubernetes, 'kube-proxy'), `--config=${config}`] });
}

/** Writes the configuration of a node's own kube-proxy to where the node finds it. */
export async function writeNodeProxyConfiguration(node: NodeLayout, folders: ProgramFolders): Promise<void> {
  const kubeconfig = `${NODE_KUBERNETES_FOLDER}/kube-proxy.kubeconfig`;
  const options = { kubeconfig, nodeName: node.name, version: kubernetesVersion(folders) };
  await writeFile(join(nodeFolder(node), 'kubernetes', NODE_PROXY_FILE), proxyConfiguration(options));
}

/** A KubeProxyConfiguration, as JSON. */
function proxyConfiguration(options: {
  readonly kubeconfig: string;
  readonly nodeName: string;
  readonly version: string;
}): string {
  const { kubeconfig, nodeName, version } = options;
  return JSON.stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    featureGates: kubernetesMinor(version) < FIRST_MINOR_WITH_NFTABLES ? { NFTablesProxyMode: true } : {},
    clientConnection: { kubeconfig },
    hostnameOverride: nodeName,
    clusterCIDR: POD_RANGE,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    // Zero leaves these as they are: they belong to the whole machine.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}
