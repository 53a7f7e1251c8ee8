import type { CgroupDriver } from '../host/host.ts';

/** A condition of the container runtime, such as `RuntimeReady` or `NetworkReady`. */
export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** What the container runtime says of itself over CRI. */
export interface RuntimeStatus {
  /** At least one, `RuntimeReady`, from every CRI that is loaded. */
  readonly conditions: readonly RuntimeCondition[];
  /** Names of the handlers that are loaded, sorted, the default one by its name too. */
  readonly handlers: readonly string[];
}

/** A Pod sandbox that CRI lists. */
export interface RuntimeSandbox {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  /** The handler by which it was made; empty for the default one. */
  readonly handler: string;
  readonly ready: boolean;
}

/** How a sandbox was started. */
export interface SandboxDetails {
  /** Such as `io.containerd.runsc.v1`; empty when containerd no longer knows, as its container is gone. */
  readonly runtimeType: string;
  /** The ConfigPath that the sandbox keeps; undefined when its handler had none, or as above. */
  readonly configPath: string | undefined;
  /** The process id of the sandbox, as the host counts; 0 when it has ended. */
  readonly process: number;
}

/** A sandbox to start by ourselves. */
export interface SandboxRequest {
  readonly handler: string;
  /** Names the cgroup in the way that the handler's runtime wants. */
  readonly cgroupDriver: CgroupDriver;
}

/** What became of it: `failed` with containerd's own words when it could not, or would not, start one. */
export type SandboxStart =
  | { readonly outcome: 'started'; readonly id: string }
  | { readonly outcome: 'failed'; readonly message: string };

/**
 * The node's container runtime, asked over CRI. Every call has a deadline.
 *
 * @throws {NodeError} ContainerdUnreachable when it does not answer or not in a way that we understand,
 *   RuntimeNotLoaded when it answers without CRI
 */
export interface ContainerRuntime {
  /** containerd's version without a `v`, such as `1.7.24~ds1`; asked of containerd itself, so it is known without CRI. */
  version(): Promise<string>;
  status(): Promise<RuntimeStatus>;
  /** The driver that kubelets from 1.31 on are told, and obey; undefined when the runtime does not say (containerd below 2.0). */
  cgroupDriver(): Promise<CgroupDriver | undefined>;
  /** All sandboxes, also those that are no longer ready. */
  sandboxes(): Promise<readonly RuntimeSandbox[]>;
  /** Undefined when it is gone in the meantime. */
  sandbox(id: string): Promise<SandboxDetails | undefined>;
  /**
   * Starts a sandbox by a handler, from the image that the node has for sandboxes and with the node's Pod network.
   * One of ours that an earlier run left is removed before.
   */
  startSandbox(request: SandboxRequest): Promise<SandboxStart>;
  /** Stops and removes a sandbox; one that is gone is no error. */
  removeSandbox(id: string): Promise<void>;
  close(): void;
}
