import { EXIT_CODES, type ExitCode } from '../errors/user-error.ts';
import { describeUninstall } from '../node/change/describe-plan.ts';
import { previewUninstall, type UninstallResult, uninstall } from '../node/change/uninstall.ts';
import type { UninstallPlan } from '../node/change/uninstall-plan.ts';
import type { CommandIO } from './command.ts';
import { choiceFlag, parseFlags } from './flags.ts';
import type { NodeCommand } from './node.ts';
import { rootFlag } from './node-flags.ts';
import { withHost } from './node-host.ts';
import { type NodeOutput, plannedOutcome, printRefusals, printSteps, reportingFailures } from './node-report.ts';

const NAME = 'node uninstall';
const FLAGS = { root: 'string', 'dry-run': 'boolean', output: 'string' } as const;

const HELP = `gvisor-injector node uninstall --dry-run
gvisor-injector node uninstall

Gives this host back: our lines out of containerd's configuration, restart, and the binaries last. Only what our record
proves ours is removed; later edits of others stay. Refuses while sandboxes of ours are on the node, and names them.

Flags:
      --root DIR       where the host's root is (default: /)
      --dry-run        print the plan and change nothing
  -o, --output FORMAT  table (default) or json

Exit codes: 0 removed, or nothing was there; 1 something failed and was put back; 2 bad usage; 3 refused, nothing changed.
`;

/** `node uninstall`. */
export const nodeUninstall: NodeCommand = { help: HELP, run };

async function run(args: readonly string[], io: CommandIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { o: 'output' } });
  const output = choiceFlag(NAME, { name: 'output', value: flags.output ?? 'table', choices: ['table', 'json'] });
  const root = rootFlag(NAME, flags.root);
  return await reportingFailures(output, io, async () =>
    flags['dry-run'] === true
      ? printPlan(await withHost({ root, exclusive: false }, io, previewUninstall), output, io)
      : printResult(await withHost({ root, exclusive: true }, io, uninstall), output, io),
  );
}

function printPlan(plan: UninstallPlan, output: NodeOutput, io: CommandIO): ExitCode {
  if (output === 'json')
    io.stdout.write(`${JSON.stringify({ outcome: plannedOutcome(plan), ...planJson(plan) }, null, 2)}\n`);
  else if (plan.refusals.length > 0) printRefusals(plan.refusals, io);
  else io.stdout.write(printSteps(describeUninstall(plan)));
  return plan.refusals.length > 0 ? EXIT_CODES.answerIsNo : EXIT_CODES.done;
}

function printResult({ outcome, plan, restarted }: UninstallResult, output: NodeOutput, io: CommandIO): ExitCode {
  if (output === 'json') {
    io.stdout.write(`${JSON.stringify({ outcome, restarted, ...planJson(plan) }, null, 2)}\n`);
  } else if (outcome === 'refused') {
    printRefusals(plan.refusals, io);
  } else {
    io.stdout.write(
      outcome === 'absent' ? 'Nothing of ours is on this host\n' : 'gVisor is removed; the host is as it was\n',
    );
  }
  return outcome === 'refused' ? EXIT_CODES.answerIsNo : EXIT_CODES.done;
}

function planJson({ refusals, change, releases }: UninstallPlan) {
  const file = change === undefined ? undefined : { method: change.method, path: change.path };
  return { change: file, releases, refusals };
}
