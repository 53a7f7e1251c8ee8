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
 * will do by itself, and says what it must come to.
 */
export const GVISOR_RUNTIME_TYPE = 'io.containerd.runsc.v1';
export const PLAIN_RUNTIME_TYPE = 'io.containerd.runc.v2';
/** The node's label by which the profile's node selector finds it. */
export const READY_LABEL = 'gvisor-injector/runsc=ready';

const CONFIGURATION = '/etc/containerd/config.toml';
const RUNTIMES_TABLE = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes]';
const ENTRY = `
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
          runtime_type = "${GVISOR_RUNTIME_TYPE}"
`;

/** Installs runsc and its shim on the node, tells containerd, restarts it and waits until the node is Ready again. */
export async function installGvisorByHand(kubectl: Kubectl): Promise<void> {
  const { gvisor } = NODE_PROGRAM_FOLDERS;
  const files = [`${gvisor}/runsc`, `${gvisor}/containerd-shim-runsc-v1`];
  await runInNode(GVISOR_NODE, ['install', '--mode=755', ...files, '/usr/local/bin/']);
  const configuration = join(nodeFolder(GVISOR_NODE), 'root', CONFIGURATION);
  const text = await readFile(configuration, 'utf8');
  if (!text.includes(RUNTIMES_TABLE)) throw new ClusterError(`${CONFIGURATION} has no ${RUNTIMES_TABLE}`);
  await writeFile(configuration, text.replace(RUNTIMES_TABLE, `${RUNTIMES_TABLE}\n${ENTRY}`));
  await runInNode(GVISOR_NODE, ['systemctl', 'restart', 'containerd']);
  const runtimeClass = {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'gvisor' },
    handler: 'runsc',
  };
  await kubectl.run(['apply', '--filename', '-'], { input: JSON.stringify(runtimeClass) });
  await waitUntil({
    what: 'containerd to answer after its restart',
    seconds: 20,
    check: async () => await runInNode(GVISOR_NODE, [`${NODE_PROGRAM_FOLDERS.criTools}/crictl`, 'info']),
  });
  await kubectl.run(['label', '--overwrite', 'node', GVISOR_NODE.name, READY_LABEL]);
}
