import { dirname, join } from 'node:path/posix';
import type { Container, PodSpec } from '../kube/objects.ts';
import { PAYLOAD_FOLDER, STATE_FOLDER, UNIT_FOLDER } from '../node/host/host.ts';
import type { Note } from './manifest.ts';
import { HOST_FOLDER, POLICY_FOLDER, policyConfigMapName } from './names.ts';

/** One folder or file of the host in the node agent's container. */
interface HostMount {
  /** Name of the volume. */
  readonly name: string;
  /** A path of the host. In the container it is below {@link HOST_FOLDER}. */
  readonly path: string;
  readonly kind: 'folder' | 'file';
  readonly writable: boolean;
  /** Mounts that come and go below it on the host do so in the container too. */
  readonly follows: boolean;
  /** Why it is there. */
  readonly why: string;
}

/**
 * All of the host that the node agent sees, for containerd as a unit of its own. Of these, what has to do with the
 * container runtime comes first: the components for other layouts replace it by its place in the list.
 *
 * What the kubelet is told is not among them: it is in single files that not every host has, and a file that is missing
 * would be made, as a folder, by the container runtime. The kubelet's cgroups say which driver it has.
 */
export const HOST_MOUNTS: readonly HostMount[] = [
  {
    name: 'runtime-configuration',
    path: '/etc/containerd',
    kind: 'folder',
    writable: true,
    follows: false,
    why: "containerd's configuration, which is told of the handlers. A link in it that leads elsewhere is refused.",
  },
  {
    name: 'runtime-socket',
    path: '/run/containerd',
    kind: 'folder',
    writable: false,
    follows: true,
    why:
      'CRI: which handlers are loaded, which sandboxes run. The folder, as the socket is another one after each start of\n' +
      'containerd; and as it comes, so that mounts of other Pods below it can go.',
  },
  {
    name: 'systemd',
    path: '/run/systemd',
    kind: 'folder',
    writable: false,
    follows: true,
    why:
      "systemd's private socket: restarts containerd, arms the timer that undoes a change, runs the node's own containerd to\n" +
      'try a configuration. The folder, as systemd makes the socket anew when it starts itself anew.',
  },
  {
    name: 'units',
    path: UNIT_FOLDER,
    kind: 'folder',
    writable: true,
    follows: false,
    why: 'That timer is a unit file while it is armed, so that it counts after a reboot too.',
  },
  {
    name: 'payload',
    path: dirname(PAYLOAD_FOLDER),
    kind: 'folder',
    writable: true,
    follows: false,
    why: `The releases of gVisor, in ${PAYLOAD_FOLDER}. One folder above, as nobody can remove a folder that is mounted.`,
  },
  {
    name: 'state',
    path: STATE_FOLDER,
    kind: 'folder',
    writable: true,
    follows: false,
    why: 'The record of what was changed, and the original of each file.',
  },
  {
    name: 'cgroups',
    path: '/sys/fs/cgroup',
    kind: 'folder',
    writable: false,
    follows: false,
    why: "The kubelet's cgroup driver, and whether the limits of a proof hold.",
  },
  {
    name: 'machine-id',
    path: '/etc/machine-id',
    kind: 'file',
    writable: false,
    follows: false,
    why: 'Whether the record is of this very machine, and not of the one that its disk was copied from.',
  },
  {
    name: 'os-release',
    path: '/etc/os-release',
    kind: 'file',
    writable: false,
    follows: false,
    why: 'Systems that cannot be changed are told by it.',
  },
];

/** The volume of the policy's ConfigMap. */
const POLICY_VOLUME = 'policy';

type Volumes = NonNullable<PodSpec['volumes']>;
type VolumeMounts = NonNullable<Container['volumeMounts']>;

/**
 * Folders are made where they are missing, so that the agent starts and can say what is wrong with the host. Not the
 * files: every host with systemd has them, and nobody wants a folder in their place.
 */
export function nodeVolumes(policyDigest: string): Volumes {
  const host = HOST_MOUNTS.map(({ name, path, kind }) => ({
    name,
    hostPath: { path, type: kind === 'folder' ? 'DirectoryOrCreate' : 'File' },
  }));
  return [...host, { name: POLICY_VOLUME, configMap: { name: policyConfigMapName(policyDigest) } }];
}

/** Where the container has them. */
export function nodeVolumeMounts(): VolumeMounts {
  const host = HOST_MOUNTS.map(({ name, path, writable, follows }) => ({
    name,
    mountPath: join(HOST_FOLDER, path),
    ...(writable ? {} : { readOnly: true }),
    ...(follows ? { mountPropagation: 'HostToContainer' } : {}),
    // cgroups of version 1 are mounts below; what follows its host cannot be so (kubernetes: KEP-3857).
    ...(writable || follows ? {} : { recursiveReadOnly: 'IfPossible' }),
  }));
  return [...host, { name: POLICY_VOLUME, mountPath: POLICY_FOLDER, readOnly: true }];
}

/** The reasons, each above its volume. @param path of the list of volumes */
export function nodeVolumeNotes(path: Note['path']): readonly Note[] {
  return HOST_MOUNTS.map(({ why }, index) => ({ path: [...path, index], text: why }));
}
