import type { Host } from '../host/host.ts';
import type { ChangeContext } from './context.ts';
import type { InstallPlan } from './install-plan.ts';
import { readSandboxes } from './sandboxes.ts';
import { namesOf } from './uninstall-plan.ts';

/**
 * The plan, refused when it takes a handler of ours out whose sandboxes run: they would go on, and containerd would
 * start no container in them any more, not even one that is restarted ('no runtime for … is configured').
 */
export async function withDroppedHandlers(context: ChangeContext, host: Host, plan: InstallPlan): Promise<InstallPlan> {
  const removed = plan.change?.removed ?? [];
  if (removed.length === 0) return plan;
  const running = (await readSandboxes(context, host.layout.socket)).filter(
    ({ handler, ready }) => ready && removed.includes(handler),
  );
  if (running.length === 0) return plan;
  const refusal = {
    reason: 'SandboxesPresent',
    sentence: `the policy has no handler ${removed.join(', ')} any more, without which no container is restarted in ${namesOf(running)}`,
    hint: 'Delete these Pods or drain the node, and run it again; until then keep a profile with this handler',
  } as const;
  return { ...plan, refusals: [refusal], change: undefined };
}
