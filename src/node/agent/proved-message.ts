import type { Installed } from './agent-state.ts';

/** Of a boot id, in a sentence that a person reads. */
const BOOT_ID_LENGTH = 8;

/**
 * What the condition says once every handler was proved. It names everything that asks for a new proof when it changes:
 * an agent that starts, and finds the very sentence on its Node, need not prove again what was proved.
 */
export function provedMessage({ release, handlers }: Installed, bootId: string): string {
  const own = handlers.filter(({ adopted }) => !adopted).map(({ name }) => name);
  const foreign = handlers.filter(({ adopted }) => adopted).map(({ name }) => name);
  const parts = [
    ...(own.length > 0 ? [`gVisor ${release} starts sandboxes as handler ${own.join(', ')}`] : []),
    ...(foreign.length > 0 ? [`gVisor as others set it up starts sandboxes as handler ${foreign.join(', ')}`] : []),
  ];
  return `${parts.join('; ')}; proved in boot ${bootId.slice(0, BOOT_ID_LENGTH)}`;
}
