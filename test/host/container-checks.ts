import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { nodeContainer } from '../../src/manifest/node-container.ts';
import { HOST_MOUNTS } from '../../src/manifest/node-volumes.ts';
import { HOST_FOLDER, IMAGE_SCRIPT } from '../../src/manifest/names.ts';
import { PRODUCT_IMAGE } from '../cluster/product-image.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { TestHost } from './create-host.ts';
import { podRuns, runPod } from './host-pods.ts';
import { preparePayloads, releaseOf } from './host-payloads.ts';
import { hostTree } from './host-tree.ts';
import { HOST_PATHS, hostFolder } from './layout.ts';

const CRICTL = `${HOST_PATHS.criTools}/crictl`;
const FOLDER = '/run/container-checks';
/** CRI's PROPAGATION_HOST_TO_CONTAINER. */
const HOST_TO_CONTAINER = 1;
const WAIT_SECONDS = 60;

/**
 * Installs and removes from a container of our own image, with the mounts, the user and the capabilities of the
 * DaemonSet as it is rendered: nothing more is needed, and the container lives through the restart of its own runtime.
 */
export async function checkContainer(t: Test, host: TestHost, archive: string): Promise<void> {
  await importProductImage(host, archive);
  const { first } = await preparePayloads(host);
  const original = await hostTree(host);
  await makeMountedFolders(host);
  const payload = { from: first, to: '/payload-of-test' };
  const words = ['--payload', payload.to, '--release', releaseOf(first), '--cgroup-driver', 'cgroupfs'];
  const installed = await runAgent(host, ['install', ...words], payload);
  t.match(installed, { code: 0, log: /is installed: handler runsc is loaded/ }, installed.log);
  const pod = await runPod(host, { name: 'from-container', handler: 'runsc' });
  t.match(pod.kernel, /gvisor/, 'a sandbox boots');
  t.ok(await podRuns(host, pod));
  const again = await runAgent(host, ['install', ...words], payload);
  t.match(again, { code: 0, log: /nothing was written, nothing restarted/ }, again.log);
  const verified = await runAgent(host, ['verify', '--boot'], payload);
  t.match(verified, { code: 0, log: /one booted under/ }, verified.log);
  const refused = await runAgent(host, ['uninstall'], payload);
  t.match(refused, { code: 3, log: /SandboxesPresent/ }, refused.log);
  await pod.remove();
  const removed = await runAgent(host, ['uninstall'], payload);
  t.match(removed, { code: 0, log: /gVisor is removed/ }, removed.log);
  // The folder of the record was made for the mount, as a kubelet would, and nobody removes what is mounted.
  await host.run(['rmdir', '/var/lib/gvisor-injector']);
  t.strictSame(await hostTree(host), original, 'every byte, mode and owner is as before');
}

/** What a kubelet does for a volume of type DirectoryOrCreate. */
async function makeMountedFolders(host: TestHost): Promise<void> {
  const folders = HOST_MOUNTS.filter(({ kind }) => kind === 'folder').map(({ path }) => path);
  await host.run(['mkdir', '-p', FOLDER, ...folders]);
}

async function importProductImage(host: TestHost, archive: string): Promise<void> {
  const file = 'product-image.tar';
  await copyFile(archive, join(hostFolder(host.name), 'containerd', file));
  const ctr = host.containerd === 'module' ? `${HOST_PATHS.containerd}/ctr` : 'ctr';
  await host.run([ctr, '--namespace=k8s.io', 'images', 'import', `/var/lib/containerd/${file}`]);
  await rm(join(hostFolder(host.name), 'containerd', file));
}

interface AgentRun {
  readonly code: number;
  readonly log: string;
}

/** Runs one step of the node agent in a Pod of its own, to its end. */
async function runAgent(
  host: TestHost,
  words: readonly string[],
  payload: { readonly from: string; readonly to: string },
): Promise<AgentRun> {
  const pod = {
    metadata: { name: 'agent', namespace: 'default', uid: 'agent', attempt: 0 },
    log_directory: FOLDER,
    linux: {},
  };
  const podFile = await writeJson(host, 'pod', pod);
  const containerFile = await writeJson(host, 'container', containerConfig(words, payload));
  const sandbox = (await host.run([CRICTL, 'runp', podFile])).trim();
  try {
    const id = (await host.run([CRICTL, 'create', sandbox, containerFile, podFile])).trim();
    await host.run([CRICTL, 'start', id]);
    const status = await waitUntil({
      what: `the agent to end its ${words[0] ?? ''}`,
      seconds: WAIT_SECONDS,
      check: async () => /"exitCode": \d+[^]*"state": "CONTAINER_EXITED"/.exec(await inspect(host, id))?.[0],
    });
    const { stdout, stderr } = await host.tryRun([CRICTL, 'logs', id]);
    return { code: Number(/"exitCode": (\d+)/.exec(status)?.[1]), log: `${stdout}${stderr}` };
  } finally {
    await host.run([CRICTL, 'rmp', '--force', sandbox]);
  }
}

/** While containerd restarts, it says nothing. */
async function inspect(host: TestHost, id: string): Promise<string> {
  return (await host.tryRun([CRICTL, 'inspect', id])).stdout;
}

/** The DaemonSet's container in the words of CRI, with a payload beside. */
function containerConfig(words: readonly string[], payload: { readonly from: string; readonly to: string }): object {
  const { securityContext } = nodeContainer({ namespace: 'gvisor-injector', nodeImage: PRODUCT_IMAGE });
  return {
    metadata: { name: 'agent', attempt: 0 },
    image: { image: PRODUCT_IMAGE },
    args: [IMAGE_SCRIPT, 'node', ...words, '--root', HOST_FOLDER],
    // A file of its own for each run: CRI appends.
    log_path: `agent-${process.hrtime.bigint()}.log`,
    mounts: [
      ...HOST_MOUNTS.map(({ path, writable, follows }) => ({
        host_path: path,
        container_path: join(HOST_FOLDER, path),
        readonly: !writable,
        ...(follows ? { propagation: HOST_TO_CONTAINER } : {}),
      })),
      { host_path: payload.from, container_path: payload.to, readonly: true },
    ],
    linux: {
      security_context: {
        run_as_user: { value: securityContext?.runAsUser },
        readonly_rootfs: securityContext?.readOnlyRootFilesystem,
        no_new_privs: securityContext?.allowPrivilegeEscalation === false,
        capabilities: {
          drop_capabilities: securityContext?.capabilities?.drop,
          add_capabilities: securityContext?.capabilities?.add,
        },
      },
    },
  };
}

async function writeJson(host: TestHost, name: string, value: object): Promise<string> {
  const path = `${FOLDER}/${name}.json`;
  await host.run(['sh', '-c', `cat >${path}`], { input: JSON.stringify(value) });
  return path;
}
