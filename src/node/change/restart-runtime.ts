import type { ChangeContext } from './context.ts';
import { type GateFault, passGate } from './gate.ts';
import type { PendingChange } from './record.ts';

/** A container runtime that is restarted, and what must hold of it again. */
export type RestartedRuntime = Pick<PendingChange, 'unit' | 'socket' | 'conditions'>;

/** Restarts the container runtime and asks it whether it has loaded these handlers. @returns undefined when it has */
export async function restartRuntime(
  context: ChangeContext,
  runtime: RestartedRuntime,
  handlers: readonly string[],
): Promise<GateFault | undefined> {
  const { systemd, report, clock } = context;
  report(`restarting ${runtime.unit}`);
  await systemd.resetFailed(runtime.unit);
  const begun = clock.now();
  const result = await systemd.restart(runtime.unit);
  if (result !== 'done') return { reason: 'RestartFailed', what: `systemd's job ended as '${result}'` };
  const missing = await askRuntime(context, runtime, handlers);
  context.paused?.(clock.now() - begun);
  return missing === undefined ? undefined : { reason: 'RuntimeNotLoaded', what: missing };
}

/** Lets the gate ask the container runtime. @returns what does not hold; undefined when everything does */
export async function askRuntime(
  { connectRuntime, clock, times }: ChangeContext,
  { socket, conditions }: Pick<RestartedRuntime, 'socket' | 'conditions'>,
  handlers: readonly string[],
): Promise<string | undefined> {
  const runtime = connectRuntime(socket);
  try {
    return await passGate(runtime, { handlers, conditions }, { clock, deadlineSeconds: times.gateSeconds });
  } finally {
    runtime.close();
  }
}
