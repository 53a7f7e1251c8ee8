import { stat } from 'node:fs/promises';
import { inNetworkNamespace } from './daemon.ts';
import {
  API_ADDRESS,
  BRIDGE,
  CLUSTER_NAME,
  CONTROL_PLANE_ADDRESS,
  HOST_ADDRESS,
  HOST_LINK,
  NODES,
  SERVICE_RANGE,
} from './layout.ts';
import { runCommand, tryCommand } from './run-command.ts';

/** True when the cluster's network namespace is there. */
export async function networkExists(): Promise<boolean> {
  return (await stat(`/run/netns/${CLUSTER_NAME}`).catch(() => undefined)) !== undefined;
}

/**
 * The cluster's own network namespace: a bridge for the nodes, the control plane's addresses, and a veth pair by which
 * the machine reaches the API server. Nothing is routed from it to the world, and the machine's own tables stay as
 * they are.
 */
export async function createNetwork(): Promise<void> {
  await ip('netns', 'add', CLUSTER_NAME);
  await ip('link', 'add', HOST_LINK, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', CLUSTER_NAME);
  await ip('address', 'add', `${HOST_ADDRESS}/30`, 'dev', HOST_LINK);
  await ip('link', 'set', HOST_LINK, 'up');
  await ipInside('link', 'set', 'lo', 'up');
  await ipInside('address', 'add', `${API_ADDRESS}/30`, 'dev', 'uplink');
  await ipInside('link', 'set', 'uplink', 'up');
  await ipInside('link', 'add', BRIDGE, 'type', 'bridge');
  await ipInside('address', 'add', `${CONTROL_PLANE_ADDRESS}/24`, 'dev', BRIDGE);
  await ipInside('link', 'set', BRIDGE, 'up');
  // Service addresses need a route before kube-proxy's rules send them elsewhere.
  await ipInside('route', 'add', SERVICE_RANGE, 'dev', BRIDGE);
  for (const node of NODES) await ipInside('route', 'add', node.podSubnet, 'via', node.address);
}

/** Removes all of it; what is not there is no error. */
export async function removeNetwork(): Promise<void> {
  await tryCommand('ip', ['link', 'delete', HOST_LINK]);
  await tryCommand('ip', ['netns', 'delete', CLUSTER_NAME]);
}

/** Ids of the processes in the cluster's network namespace. */
export async function processesInNetwork(): Promise<readonly number[]> {
  if (!(await networkExists())) return [];
  const { stdout } = await tryCommand('ip', ['netns', 'pids', CLUSTER_NAME]);
  return stdout.split('\n').flatMap(line => (line === '' ? [] : [Number(line)]));
}

async function ip(...args: readonly string[]): Promise<void> {
  await runCommand('ip', args);
}

async function ipInside(...args: readonly string[]): Promise<void> {
  const [program, ...rest] = inNetworkNamespace(['ip', ...args]);
  await runCommand(program, rest);
}
