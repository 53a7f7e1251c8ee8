import type { Command } from './command.ts';
import { runProgram } from './program.ts';

/**
 * The DaemonSet's program: the agent and nothing else, for a process that is on every node and should be small. What it
 * has done on the host is done by processes of the main program, which lies beside it.
 */
async function loadAgent(): Promise<Command> {
  const { nodeAgent } = await import('./node-agent.ts');
  return { summary: 'the node agent', ...nodeAgent };
}

// No top-level await: the bundle is CommonJS.
void runProgram({ agent: loadAgent });
