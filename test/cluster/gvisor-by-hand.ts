import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from './cluster-error.ts';
import type { Kubectl } from './kubectl.ts';
import { GVISOR_NODE, nodeFolder } from './layout.ts';
import { NODE_PROGRAM_FOLDERS } from './node-files.ts';
import { runInNode } from './node-machine.ts';
import { waitUntil } from './wait-until.ts';

/**
 * gVisor on one node, set up by hand: binaries, containerd's entry, restart, RuntimeClass. It is what the node agent
 * does by itself, and says what it must come to.
 */
export const GVISOR_RUNTIME_TYPE = 'io.containerd.runsc.v1';
export const PLAIN_RUNTIME_TYPE = 'io.containerd.runc.v2';
const CONFIGURATION = '/etc/containerd/config.toml';
const PROGRAM_FOLDER = '/usr/local/bin';
const PROGRAMS = ['runsc', 'containerd-shim-runsc-v1'] as const;
const RUNTIMES_TABLE = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes]';
const ENTRY = `
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
          runtime_type = "${GVISOR_RUNTIME_TYPE}"
`;

/** Installs runsc and its shim on the node, tells containerd, restarts it and waits until the node is Ready again. */
export async function installGvisorByHand(kubectl: Kubectl): Promise<void> {
  const { gvisor } = NODE_PROGRAM_FOLDERS;
  const files = PROGRAMS.map(name => `${gvisor}/${name}`);
  await runInNode(GVISOR_NODE, ['install', '--mode=755', ...files, PROGRAM_FOLDER]);
  const configuration = configurationFile();
  const text = await readFile(configuration, 'utf8');
  if (!text.includes(RUNTIMES_TABLE)) throw new ClusterError(`${CONFIGURATION} has no ${RUNTIMES_TABLE}`);
  await writeFile(configuration, text.replace(RUNTIMES_TABLE, `${RUNTIMES_TABLE}\n${ENTRY}`));
  await restartContainerd();
  const runtimeClass = {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'gvisor' },
    handler: 'runsc',
  };
  await kubectl.run(['apply', '--filename', '-'], { input: JSON.stringify(runtimeClass) });
}

/** Takes it off the node again, but for the RuntimeClass. */
export async function removeGvisorByHand(): Promise<void> {
  const configuration = configurationFile();
  await writeFile(configuration, (await readFile(configuration, 'utf8')).replace(`\n${ENTRY}`, ''));
  await runInNode(GVISOR_NODE, ['rm', ...PROGRAMS.map(name => `${PROGRAM_FOLDER}/${name}`)]);
  await restartContainerd();
}

function configurationFile(): string {
  return join(nodeFolder(GVISOR_NODE), 'root', CONFIGURATION);
}

async function restartContainerd(): Promise<void> {
  await runInNode(GVISOR_NODE, ['systemctl', 'restart', 'containerd']);
  await waitUntil({
    what: 'containerd to answer after its restart',
    seconds: 20,
    check: async () => await runInNode(GVISOR_NODE, [`${NODE_PROGRAM_FOLDERS.criTools}/crictl`, 'info']),
  });
}
