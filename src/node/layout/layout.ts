/** Names of the host layouts that the node agent can change. kind's nodes are `containerd`. */
export const LAYOUT_NAMES = ['containerd', 'k3s', 'rke2'] as const;

/** One of {@link LAYOUT_NAMES}. */
export type LayoutName = (typeof LAYOUT_NAMES)[number];

/** Where a node's container runtime keeps its configuration and how it is restarted. */
export interface Layout {
  readonly name: LayoutName;
  /** The systemd unit to restart, such as `containerd.service` or `k3s-agent.service`. */
  readonly unit: string;
  /**
   * The path that containerd is told to read its configuration from, as a path of the host. k3s and RKE2 write that
   * file at every start, from templates that lie beside it.
   */
  readonly configuration: string;
  /** The socket of CRI, as a path of the host. */
  readonly socket: string;
  /** The containerd program, an absolute path of the host, for `config dump`. */
  readonly program: string;
  /** False when no real node of this layout has been tried; the plan says so. */
  readonly tried: boolean;
}

/** True when the root file is rendered at every start, so that what is written into it does not last. */
export function isRendered({ name }: Layout): boolean {
  return name !== 'containerd';
}
