import { isAbsolute } from 'node:path';
import type { Policy } from '../policy/policy.ts';
import type { HandlerRequest } from '../node/change/install-plan.ts';
import { usageError } from './flags.ts';

/** The root folder of `--root`. @throws {UserError} BadUsage when it is no absolute path */
export function rootFlag(command: string, value = '/'): string {
  if (isAbsolute(value)) return value;
  throw usageError(command, `--root must be an absolute path, not '${value}'`);
}

/** The handlers of a policy, each once: profiles may share one, with the same flags. */
export function handlersOfPolicy({ profiles }: Policy): readonly HandlerRequest[] {
  const handlers = new Map<string, HandlerRequest>();
  for (const { handler, runscFlags, allowedAnnotations } of profiles) {
    const annotations = [...(handlers.get(handler)?.podAnnotations ?? []), ...allowedAnnotations];
    handlers.set(handler, { name: handler, flags: runscFlags, podAnnotations: [...new Set(annotations)].toSorted() });
  }
  return [...handlers.values()];
}
