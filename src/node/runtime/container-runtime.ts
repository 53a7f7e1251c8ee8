/** A condition of the container runtime, such as `RuntimeReady` or `NetworkReady`. */
export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** What the container runtime says of itself over CRI. */
export interface RuntimeStatus {
  readonly conditions: readonly RuntimeCondition[];
  /** Names of the handlers that are loaded. */
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
  /** Such as `io.containerd.runsc.v1`. */
  readonly runtimeType: string;
  /** The ConfigPath that the sandbox keeps; undefined when its handler had none. */
  readonly configPath: string | undefined;
  /** The process id of the sandbox, as the host counts. */
  readonly process: number;
}

/**
 * The node's container runtime, asked over CRI. Every call has a deadline.
 *
 * @throws {NodeError} ContainerdUnreachable when it does not answer, RuntimeNotLoaded when it answers without CRI
 */
export interface ContainerRuntime {
  /** Name (`containerd`) and version (`1.7.24`). */
  version(): Promise<{ readonly name: string; readonly version: string }>;
  status(): Promise<RuntimeStatus>;
  /** All sandboxes, also those that are no longer ready. */
  sandboxes(): Promise<readonly RuntimeSandbox[]>;
  /** Undefined when it is gone in the meantime. */
  sandbox(id: string): Promise<SandboxDetails | undefined>;
  /** Starts a sandbox by a handler, from the image that the node has for sandboxes, and returns its id. */
  startSandbox(handler: string): Promise<string>;
  /** Stops and removes a sandbox; one that is gone is no error. */
  removeSandbox(id: string): Promise<void>;
  close(): void;
}
