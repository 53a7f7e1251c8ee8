import type { RuntimeSandbox, SandboxDetails } from '../runtime/container-runtime.ts';
import type { ChangeContext } from './context.ts';

/** A sandbox with how it was started. */
export interface DetailedSandbox extends RuntimeSandbox {
  /** Undefined when it went away meanwhile. */
  readonly details: SandboxDetails | undefined;
}

/** All sandboxes of the node. Those of the default handler, which has no name here, may be ours too: it can be a handler of ours. */
export async function readSandboxes(
  { connectRuntime }: ChangeContext,
  socket: string,
): Promise<readonly DetailedSandbox[]> {
  const runtime = connectRuntime(socket);
  try {
    const detailed: DetailedSandbox[] = [];
    for (const sandbox of await runtime.sandboxes()) {
      detailed.push({ ...sandbox, details: await runtime.sandbox(sandbox.id) });
    }
    return detailed;
  } finally {
    runtime.close();
  }
}
