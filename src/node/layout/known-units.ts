import type { LayoutName } from './layout.ts';

/** A systemd unit that runs a container runtime for Kubernetes. */
export type KnownUnit =
  | { readonly unit: string; readonly layout: LayoutName }
  | {
      readonly unit: string;
      /** A runtime, or a distribution with a layout of its own, that is not supported yet. */
      readonly unsupported: string;
      /** What the person can do. */
      readonly hint: string;
    };

const K0S_HINT =
  'k0s merges what lies in /etc/k0s/containerd.d by itself: add the handler there by hand, or use nodes of another layout';
const MICROK8S_HINT =
  'Add the handler by hand to /var/snap/microk8s/current/args/containerd-template.toml, or use nodes of another layout';

/** The units that decide which layout a host has: the one of them that is active. Files are left behind, units are not. */
export const KNOWN_UNITS: readonly KnownUnit[] = [
  { unit: 'containerd.service', layout: 'containerd' },
  { unit: 'k3s.service', layout: 'k3s' },
  { unit: 'k3s-agent.service', layout: 'k3s' },
  { unit: 'rke2-server.service', layout: 'rke2' },
  { unit: 'rke2-agent.service', layout: 'rke2' },
  { unit: 'k0sworker.service', unsupported: 'k0s', hint: K0S_HINT },
  { unit: 'k0scontroller.service', unsupported: 'k0s', hint: K0S_HINT },
  { unit: 'snap.microk8s.daemon-containerd.service', unsupported: 'MicroK8s', hint: MICROK8S_HINT },
  {
    unit: 'crio.service',
    unsupported: 'CRI-O',
    hint: "gVisor's support of CRI-O is young (CRI-O 1.37 and later): see gVisor's own page on it, or use nodes with containerd",
  },
];

/** Operating systems whose hosts cannot be changed from inside, or not yet, by the `ID` of /etc/os-release. */
export const UNSUPPORTED_SYSTEMS: ReadonlyMap<string, { readonly name: string; readonly hint: string }> = new Map([
  [
    'talos',
    { name: 'Talos', hint: "Install gVisor by Talos's own system extension; its handler is then used as it is" },
  ],
  ['bottlerocket', { name: 'Bottlerocket', hint: 'It has no way to add a runtime: use nodes with another system' }],
  [
    'cos',
    {
      name: 'Container-Optimized OS',
      hint: 'On GKE, make a node pool with GKE Sandbox, whose handler is then used as it is; or use nodes with another system',
    },
  ],
  [
    'flatcar',
    {
      name: 'Flatcar',
      hint: 'Its containerd is configured below a read-only /usr: add gVisor by Ignition, or use nodes with another system',
    },
  ],
]);

/** Files that speak for a layout. They never decide: they are only named when no unit is active. */
export const LAYOUT_FILES = [
  '/etc/containerd/config.toml',
  '/var/lib/rancher/k3s/agent/etc/containerd/config.toml',
  '/var/lib/rancher/rke2/agent/etc/containerd/config.toml',
  '/etc/k0s/containerd.toml',
  '/var/snap/microk8s/current/args/containerd.toml',
  '/etc/crio',
] as const;
