import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ADMIN_KUBECONFIG,
  API_ADDRESS,
  API_PORT,
  API_SERVER,
  CERTIFICATE_FOLDER,
  CONTROL_PLANE_ADDRESS,
  FIRST_SERVICE_ADDRESS,
  type NodeLayout,
  NODES,
  nodeFolder,
  STATE_FOLDER,
} from './layout.ts';
import { runCommand } from './run-command.ts';

const DAYS = '30';
const NODE_API_SERVER = `https://${CONTROL_PLANE_ADDRESS}:${API_PORT}`;

/** Who a certificate is for. */
interface Subject {
  /** Base name of its files. */
  readonly name: string;
  /** The user, as the API server sees it. */
  readonly user: string;
  readonly group?: string;
  readonly names?: readonly string[];
}

/** The path of a certificate's file, by its base name. */
export function certificateFile(name: string, kind: 'crt' | 'key'): string {
  return join(CERTIFICATE_FOLDER, `${name}.${kind}`);
}

/** Where a control plane program's kubeconfig is. */
export function kubeconfigFile(name: string): string {
  return join(STATE_FOLDER, `${name}.kubeconfig`);
}

/** Makes the authority, all certificates and all kubeconfigs. Each kubelet has a certificate of its own. */
export async function createCertificates(): Promise<void> {
  await mkdir(CERTIFICATE_FOLDER, { recursive: true, mode: 0o700 });
  await openssl(
    'req',
    '-x509',
    ...newKey('ca'),
    '-subj',
    '/CN=cluster-ca',
    '-days',
    DAYS,
    '-out',
    certificateFile('ca', 'crt'),
  );
  await openssl('genrsa', '-out', certificateFile('service-account', 'key'), '2048');
  const apiNames = ['kubernetes.default.svc', 'kubernetes.default', 'localhost', '127.0.0.1'];
  const apiAddresses = [API_ADDRESS, CONTROL_PLANE_ADDRESS, FIRST_SERVICE_ADDRESS];
  await issue({ name: 'kube-apiserver', user: 'kube-apiserver', names: [...apiNames, ...apiAddresses] });
  await issue({ name: 'kubelet-client', user: 'kube-apiserver-kubelet-client', group: 'system:masters' });
  await issueWithKubeconfig(
    { name: 'admin', user: 'admin', group: 'system:masters' },
    { file: ADMIN_KUBECONFIG, server: API_SERVER },
  );
  for (const name of ['kube-controller-manager', 'kube-scheduler', 'kube-proxy']) {
    const target = { file: kubeconfigFile(name), server: NODE_API_SERVER };
    await issueWithKubeconfig({ name, user: `system:${name}` }, target);
  }
  for (const node of NODES) await issueForNode(node);
}

/** Makes a certificate for a server of the tests. */
export async function issueServerCertificate(name: string, names: readonly string[]): Promise<void> {
  await issue({ name, user: name, names });
}

async function issueForNode(node: NodeLayout): Promise<void> {
  const folder = join(nodeFolder(node), 'kubernetes');
  await mkdir(folder, { recursive: true });
  const subject = { name: `kubelet-${node.name}`, user: `system:node:${node.name}`, group: 'system:nodes' };
  await issueWithKubeconfig(subject, { file: join(folder, 'kubelet.kubeconfig'), server: NODE_API_SERVER });
  await issue({ name: `kubelet-server-${node.name}`, user: node.name, names: [node.name, node.address] });
}

async function issueWithKubeconfig(
  subject: Subject,
  { file, server }: { readonly file: string; readonly server: string },
): Promise<void> {
  await issue(subject);
  const cluster = { server, 'certificate-authority-data': await base64(certificateFile('ca', 'crt')) };
  const user = {
    'client-certificate-data': await base64(certificateFile(subject.name, 'crt')),
    'client-key-data': await base64(certificateFile(subject.name, 'key')),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: subject.name, user }],
    contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: subject.name } }],
    'current-context': 'cluster',
  };
  await writeFile(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

async function issue({ name, user, group, names = [] }: Subject): Promise<void> {
  const subject = `${group === undefined ? '' : `/O=${group}`}/CN=${user}`;
  const list = names.map(value => (/^[\d.]+$/.test(value) ? `IP:${value}` : `DNS:${value}`)).join(',');
  const authority = ['-CA', certificateFile('ca', 'crt'), '-CAkey', certificateFile('ca', 'key')];
  const extensions = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth'];
  if (names.length > 0) extensions.push(`subjectAltName=${list}`);
  await openssl(
    'req',
    '-x509',
    ...newKey(name),
    ...authority,
    '-subj',
    subject,
    '-days',
    DAYS,
    '-out',
    certificateFile(name, 'crt'),
    ...extensions.flatMap(extension => ['-addext', extension]),
  );
}

function newKey(name: string): readonly string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', certificateFile(name, 'key')];
}

async function openssl(...args: readonly string[]): Promise<void> {
  await runCommand('openssl', args);
}

async function base64(file: string): Promise<string> {
  return await runCommand('base64', ['--wrap=0', file]);
}
