import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';
import { type Api, type ApiAccess, createApi } from './backstop-api.ts';
import { waitUntil } from './wait-until.ts';

/** The programs of a control plane, as absolute paths. */
export interface ControlPlanePrograms {
  readonly etcd: string;
  readonly apiServer: string;
  /** Of it, only the controller that checks the types of policies and the one that ends namespaces are started. */
  readonly controllerManager: string;
}

/** An API server without nodes, for policies alone. */
export interface ApiServer extends AsyncDisposable {
  readonly api: Api;
  /** As its administrator. */
  readonly access: ApiAccess;
}

const HOST = '127.0.0.1';
const CONTROLLERS = 'validatingadmissionpolicy-status-controller,namespace-controller';

/** Starts etcd and an API server on free ports of loopback, in a folder that disposing of them removes. */
export async function startApiServer(programs: ControlPlanePrograms, signal: AbortSignal): Promise<ApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'gvisor-injector-api-server-'));
  const children: ChildProcess[] = [];
  const start = (name: string, program: string, args: readonly string[]): void => {
    const log = openSync(join(folder, `${name}.log`), 'a');
    children.push(spawn(program, args, { stdio: ['ignore', log, log], signal }).on('error', () => undefined));
    closeSync(log);
  };
  const dispose = async (): Promise<void> => {
    for (const child of children.toReversed()) await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const token = randomBytes(16).toString('hex');
    const etcd = `http://${HOST}:${await freePort()}`;
    const port = await freePort();
    const access = await writeFiles(folder, `https://${HOST}:${port}`, token);
    start('etcd', programs.etcd, await etcdFlags(folder, etcd));
    start('kube-apiserver', programs.apiServer, apiServerFlags(folder, { etcd, port }));
    const api = createApi(access);
    await waitUntil({
      what: 'the API server without nodes to be ready',
      seconds: 90,
      check: async () => ((await api.call({ method: 'GET', path: '/readyz' })).status === 200 ? 'ready' : undefined),
      logFile: join(folder, 'kube-apiserver.log'),
      signal,
    });
    const kubeconfig = `--kubeconfig=${join(folder, 'kubeconfig')}`;
    const serving = [`--bind-address=${HOST}`, `--secure-port=${await freePort()}`, '--leader-elect=false'];
    start('controllers', programs.controllerManager, [kubeconfig, ...serving, `--controllers=${CONTROLLERS}`]);
    return {
      api,
      access,
      [Symbol.asyncDispose]: async () => {
        api.close();
        await dispose();
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  // Nothing of it is needed afterwards.
  child.kill('SIGKILL');
  await ended;
}

/** Certificates, tokens and a kubeconfig. */
async function writeFiles(folder: string, server: string, token: string): Promise<ApiAccess> {
  const { ca, serving } = await makeDevelopmentCertificates({
    now: new Date(),
    days: 2,
    dnsNames: ['localhost'],
    ipAddresses: [HOST],
  });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  const files = {
    'tls.crt': serving.certificate,
    'tls.key': serving.key,
    'service-account.key': privateKey.export({ type: 'pkcs1', format: 'pem' }),
    'tokens.csv': `${token},admin,admin,"system:masters"\n`,
    kubeconfig: JSON.stringify(kubeconfig),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  return { server, ca, credentials: { token } };
}

async function etcdFlags(folder: string, client: string): Promise<readonly string[]> {
  const data = join(folder, 'etcd');
  await mkdir(data, { mode: 0o700 });
  const peer = `http://${HOST}:${await freePort()}`;
  return [
    `--data-dir=${data}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    // Nothing here outlives the test.
    '--unsafe-no-fsync',
  ];
}

function apiServerFlags(folder: string, { etcd, port }: { etcd: string; port: number }): readonly string[] {
  return [
    `--etcd-servers=${etcd}`,
    `--bind-address=${HOST}`,
    `--secure-port=${port}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    // No controller makes service accounts here, and Pods are to be admitted without.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    `--tls-cert-file=${join(folder, 'tls.crt')}`,
    `--tls-private-key-file=${join(folder, 'tls.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(folder, 'service-account.key')}`,
    `--service-account-signing-key-file=${join(folder, 'service-account.key')}`,
  ];
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
