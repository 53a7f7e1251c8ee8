import { EXIT_CODES, type ExitCode } from '../errors/user-error.ts';
import { nearest } from '../policy/nearest.ts';
import type { Command, CommandIO } from './command.ts';
import { usageError } from './flags.ts';

/** One step on a host, by hand. */
export interface NodeCommand {
  readonly help: string;
  readonly run: (args: readonly string[], io: CommandIO) => Promise<ExitCode>;
}

const STEPS: Readonly<Record<string, () => Promise<NodeCommand>>> = {
  install: async () => (await import('./node-install.ts')).nodeInstall,
  verify: async () => (await import('./node-verify.ts')).nodeVerify,
  uninstall: async () => (await import('./node-uninstall.ts')).nodeUninstall,
  agent: async () => (await import('./node-agent.ts')).nodeAgent,
  step: async () => (await import('./node-step.ts')).nodeStep,
  evidence: async () => (await import('./node-evidence.ts')).nodeEvidence,
};

const HELP = `gvisor-injector node install --dry-run
gvisor-injector node install && gvisor-injector node verify --boot
gvisor-injector node uninstall

Changes the machine it runs on, as root: what the node agent does, one step at a time.

Steps, each with --help:
  install    puts a gVisor release on the host, tells containerd, restarts it, and proves that it loaded
  verify     looks whether all of it is still there
  uninstall  gives the host back as it was

In a cluster, by the DaemonSet:
  agent      does all of that by the Node's label, proves by a Pod that sandboxes start, and marks the Node
  step       one step of the agent, in a process of its own
  evidence   what a proof's Pod sees

Exit codes: 0 done, 1 something failed and was put back, 2 bad usage or configuration, 3 refused, or not as it should be.
`;

/** `node`: install, verify or uninstall on a host. */
export const node: Command = {
  summary: 'install gVisor on this host, verify it, remove it',
  help: HELP,
  hasSteps: true,
  run,
};

async function run([step, ...args]: readonly string[], io: CommandIO): Promise<ExitCode> {
  if (step === undefined) {
    io.stderr.write(HELP);
    return EXIT_CODES.usage;
  }
  const load = Object.hasOwn(STEPS, step) ? STEPS[step] : undefined;
  if (load === undefined) {
    const names = Object.keys(STEPS);
    const near = nearest(step, names);
    throw usageError(
      'node',
      `Unknown step '${step}' of node`,
      near === undefined ? `The steps are ${names.join(', ')}` : `Did you mean '${near}'?`,
    );
  }
  const command = await load();
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(command.help);
    return EXIT_CODES.done;
  }
  return await command.run(args, io);
}
