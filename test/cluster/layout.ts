import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Names, addresses and folders of the test cluster. Everything that it leaves on the machine while it runs carries one
 * of these names, so that `down` finds it without a list: one network namespace, one veth end, one group in each cgroup
 * hierarchy, one folder. There is one cluster a machine.
 */
export const CLUSTER_NAME = 'gvisor-injector';
/** The end of the veth pair that stays in the machine's own network namespace. */
export const HOST_LINK = 'gvinj-host';
export const BRIDGE = 'gvinj-nodes';

/** Everything that a running cluster writes. */
export const STATE_FOLDER = '/var/lib/gvisor-injector-cluster';
export const LOG_FOLDER = join(STATE_FOLDER, 'logs');
export const CERTIFICATE_FOLDER = join(STATE_FOLDER, 'certificates');
export const ADMIN_KUBECONFIG = join(STATE_FOLDER, 'admin.kubeconfig');
/** Which version of Kubernetes runs. */
export const VERSION_FILE = join(STATE_FOLDER, 'kubernetes-version');

/** What is built once and kept, by version. A variable that is empty counts as absent, as XDG says. */
export const CACHE_FOLDER = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'gvisor-injector');
export const REPOSITORY = join(import.meta.dirname, '..', '..');

/** The bridge, where the control plane listens for the nodes. */
export const CONTROL_PLANE_ADDRESS = '10.87.0.1';
/** The veth pair between the machine and the cluster's network namespace. */
export const HOST_ADDRESS = '10.87.255.1';
export const API_ADDRESS = '10.87.255.2';
export const API_PORT = 6443;
export const API_SERVER = `https://${API_ADDRESS}:${API_PORT}`;
export const SERVICE_RANGE = '10.96.0.0/16';
export const FIRST_SERVICE_ADDRESS = '10.96.0.1';
export const POD_RANGE = '10.88.0.0/16';

/** Where a node's containerd comes from: Debian trixie's package (1.7), or the Go module (2.x). */
export type ContainerdSource = 'debian' | 'module';

/** One node: a systemd-nspawn machine. */
export interface NodeLayout {
  readonly name: string;
  readonly address: string;
  readonly podSubnet: string;
  readonly containerd: ContainerdSource;
}

export const NODES = [
  { name: 'node-1', address: '10.87.0.11', podSubnet: '10.88.1.0/24', containerd: 'debian' },
  { name: 'node-2', address: '10.87.0.12', podSubnet: '10.88.2.0/24', containerd: 'module' },
] as const satisfies readonly NodeLayout[];

/** The node on which gVisor is set up. */
export const GVISOR_NODE = NODES[0];

/** The name of a node's nspawn machine: a name of the whole machine, so it carries ours. */
export function machineName(node: NodeLayout): string {
  return `gvinj-${node.name}`;
}

/** The folder of a node: overlay, containerd's and kubelet's folders. */
export function nodeFolder(node: NodeLayout): string {
  return join(STATE_FOLDER, 'nodes', node.name);
}
