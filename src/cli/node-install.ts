import { EXIT_CODES, type ExitCode } from '../errors/user-error.ts';
import { RESTART_SECONDS, GATE_SECONDS, ROLLBACK_AFTER_SECONDS } from '../node/change/context.ts';
import { describeInstall } from '../node/change/describe-plan.ts';
import { type InstallResult, install, previewInstall } from '../node/change/install.ts';
import type { InstallPlan } from '../node/change/install-plan.ts';
import type { CgroupDriver } from '../node/host/host.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import type { CommandIO } from './command.ts';
import { choiceFlag, type Flags, integerFlag, parseFlags } from './flags.ts';
import type { NodeCommand } from './node.ts';
import { handlersOfPolicy, rootFlag } from './node-flags.ts';
import { withHost } from './node-host.ts';
import { openPayload } from './node-payload.ts';
import { PAYLOAD_FLAGS, PAYLOAD_HELP } from './node-payload-flags.ts';
import { type NodeOutput, plannedOutcome, printRefusals, printSteps, reportingFailures } from './node-report.ts';
import { readPolicyFile } from './policy-file.ts';

const NAME = 'node install';
const FLAGS = {
  ...PAYLOAD_FLAGS,
  policy: 'string',
  root: 'string',
  'cgroup-driver': 'string',
  'rollback-after': 'string',
  retry: 'boolean',
  'dry-run': 'boolean',
  output: 'string',
} as const;
/** Longest time until the timer, in seconds: an hour without its container runtime is more than any node should have. */
const LONGEST_ROLLBACK = 3600;
/** Least time for the gate, in seconds: a container runtime is back sooner, and a busy host gets more by default. */
const SHORTEST_GATE = 10;

const HELP = `gvisor-injector node install --payload ./gvisor.tar.zstd --release 20260914.0 --dry-run
gvisor-injector node install --payload ./gvisor.tar.zstd --release 20260914.0

Installs gVisor on this host, upgrades it, or repairs it. It reads the host, refuses what cannot work, checks the payload,
asks the node's own containerd about the new configuration, and only then writes and restarts, with a timer armed that
puts everything back unless containerd proves itself. What is right already is left alone: no write, no restart.

Flags:
${PAYLOAD_HELP}
  -f, --policy FILE           the policy, for its handlers and runsc flags (default: the built-in one, handler runsc)
      --cgroup-driver DRIVER  systemd or cgroupfs, as the kubelet has it (default: what the host says)
      --rollback-after N      seconds until the former configuration is put back (default: ${ROLLBACK_AFTER_SECONDS})
      --retry                 try a configuration again that was rolled back before
      --root DIR              where the host's root is (default: /)
      --dry-run               print the plan and change nothing
  -o, --output FORMAT         table (default) or json

Exit codes: 0 installed, or nothing to do; 1 something failed and was put back; 2 bad usage; 3 refused, nothing changed.
`;

/** `node install`. */
export const nodeInstall: NodeCommand = { help: HELP, run };

async function run(args: readonly string[], io: CommandIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { f: 'policy', o: 'output' } });
  const output = choiceFlag(NAME, { name: 'output', value: flags.output ?? 'table', choices: ['table', 'json'] });
  const driver = flags['cgroup-driver'];
  const cgroupDriver =
    driver === undefined
      ? undefined
      : choiceFlag(NAME, { name: 'cgroup-driver', value: driver, choices: ['systemd', 'cgroupfs'] });
  return await reportingFailures(output, io, async () => await installBy(flags, { output, cgroupDriver }, io));
}

async function installBy(
  flags: Flags<typeof FLAGS>,
  { output, cgroupDriver }: { readonly output: NodeOutput; readonly cgroupDriver: CgroupDriver | undefined },
  io: CommandIO,
): Promise<ExitCode> {
  const root = rootFlag(NAME, flags.root);
  const { policy } = await readPolicyFile(flags.policy, DEFAULT_NAMESPACE);
  const payload = await openPayload(NAME, flags);
  const request = {
    release: payload.release,
    payloadBytes: payload.bytes,
    handlers: handlersOfPolicy(policy),
    cgroupDriver,
    retry: flags.retry === true,
  };
  const access = { root, times: timesOf(flags['rollback-after']), exclusive: flags['dry-run'] !== true };
  if (flags['dry-run'] === true) {
    return printPlan(await withHost(access, io, context => previewInstall(context, request)), output, io);
  }
  return printResult(await withHost(access, io, context => install(context, request, payload)), output, io);
}

function timesOf(value: string | undefined) {
  if (value === undefined) return { gateSeconds: GATE_SECONDS, rollbackAfterSeconds: ROLLBACK_AFTER_SECONDS };
  const minimum = RESTART_SECONDS + SHORTEST_GATE;
  const rollbackAfterSeconds = integerFlag(NAME, { name: 'rollback-after', value, minimum, maximum: LONGEST_ROLLBACK });
  return { gateSeconds: Math.min(GATE_SECONDS, rollbackAfterSeconds - RESTART_SECONDS), rollbackAfterSeconds };
}

function printPlan(plan: InstallPlan, output: NodeOutput, io: CommandIO): ExitCode {
  if (output === 'json')
    io.stdout.write(`${JSON.stringify({ outcome: plannedOutcome(plan), ...planJson(plan) }, null, 2)}\n`);
  else if (plan.refusals.length > 0) printRefusals(plan.refusals, io);
  else io.stdout.write(printSteps(describeInstall(plan)));
  return plan.refusals.length > 0 ? EXIT_CODES.answerIsNo : EXIT_CODES.done;
}

function printResult(result: InstallResult, output: NodeOutput, io: CommandIO): ExitCode {
  const { outcome, plan, payload, restarted, collected } = result;
  if (output === 'json') {
    io.stdout.write(`${JSON.stringify({ outcome, payload, restarted, collected, ...planJson(plan) }, null, 2)}\n`);
  } else if (outcome === 'refused') {
    printRefusals(plan.refusals, io);
  } else {
    io.stdout.write(`${SENTENCES[outcome](result)}\n`);
  }
  return outcome === 'refused' ? EXIT_CODES.answerIsNo : EXIT_CODES.done;
}

const SENTENCES = {
  adopted: ({ plan }) =>
    `Handler ${plan.adopted.join(', ')} was set up by somebody else with the runtime type of gVisor; it is used as it is`,
  unchanged: ({ plan, collected }) =>
    `gVisor ${plan.release} is installed as it should be; ${collected.length === 0 ? 'nothing was written' : `${collected.join(', ')}, which nothing names any more, was removed`}, nothing restarted`,
  installed: ({ plan, restarted }) =>
    `gVisor ${plan.release} is installed: handler ${plan.entries.map(({ name }) => name).join(', ')}${restarted ? ' is loaded' : '; containerd was not restarted'}\nnext: gvisor-injector node verify --boot`,
} as const satisfies Record<Exclude<InstallResult['outcome'], 'refused'>, (result: InstallResult) => string>;

/** A plan for scripts: no file content, which may hold credentials of registries. */
function planJson({
  refusals,
  adopted,
  release,
  cgroupDriver,
  entries,
  runscFiles,
  change,
  unloaded,
  notes,
}: InstallPlan) {
  const file = change === undefined ? undefined : { method: change.method, path: change.path };
  const handlers = entries.map(({ name }) => name);
  const paths = runscFiles.map(({ path }) => path);
  return { release, cgroupDriver, handlers, adopted, runscFiles: paths, change: file, unloaded, notes, refusals };
}
