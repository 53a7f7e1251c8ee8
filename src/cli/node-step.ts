import { release as kernelRelease } from 'node:os';
import { EXIT_CODES, type ExitCode } from '../errors/user-error.ts';
import { systemClock } from '../kube/clock.ts';
import { NODE_NAME, PROOF_ARGUMENTS } from '../manifest/names.ts';
import { openFileLook } from '../node/agent/drift-watch.ts';
import { installStep, lookStep, reported, uninstallStep, verifyStep } from '../node/agent/host-steps.ts';
import { proveStep } from '../node/agent/prove-step.ts';
import { type EndedStep, reportLine, type Step, STEPS } from '../node/agent/step-report.ts';
import { proofNamespace } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import type { CommandIO } from './command.ts';
import { choiceFlag, type Flags, parseFlags, usageError } from './flags.ts';
import type { NodeCommand } from './node.ts';
import { openClient } from './node-client.ts';
import { STEP_FLAGS, STEP_FLAGS_HELP, stepSettings, variable } from './node-agent-flags.ts';
import { handlersOfPolicy } from './node-flags.ts';
import { withHost } from './node-host.ts';
import { openPayload } from './node-payload.ts';
import { PAYLOAD_HELP } from './node-payload-flags.ts';
import { readPolicyFile } from './policy-file.ts';

const NAME = 'node step';
const FLAGS = { ...STEP_FLAGS, step: 'string', handlers: 'string', 'node-uid': 'string' } as const;

/** `node step`: one step of the agent, whose report is the last line on stdout. */
export const nodeStep: NodeCommand = {
  help: `gvisor-injector node step --step verify

One step of the node agent in a process of its own, so that the agent itself stays small. The report is one line of JSON.

      --step NAME             ${STEPS.join(', ')}
      --handlers A,B          what to prove, for the step prove
      --node-uid UID          of the Node, for the step prove
${STEP_FLAGS_HELP}
${PAYLOAD_HELP}
`,
  run,
};

async function run(args: readonly string[], io: CommandIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { f: 'policy', n: 'namespace' } });
  if (flags.step === undefined) throw usageError(NAME, '--step is needed');
  const step = choiceFlag(NAME, { name: 'step', value: flags.step, choices: STEPS });
  // Whatever fails on the host, on the way to it or in the payload is the report, and no error of this program.
  io.stdout.write(reportLine(await reported(step, async () => await perform(step, flags, io))));
  return EXIT_CODES.done;
}

async function perform(step: Step, flags: Flags<typeof FLAGS>, io: CommandIO): Promise<EndedStep> {
  const settings = stepSettings(NAME, flags);
  const { root, cgroupDriver } = settings;
  const { policy } = await readPolicyFile(flags.policy, settings.namespace);
  const handlers = handlersOfPolicy(policy);
  const exclusive = step === 'install' || step === 'uninstall';
  const payload = step === 'install' ? await openPayload(NAME, flags) : undefined;
  return await withHost({ root, exclusive }, io, async context => {
    if (payload !== undefined) {
      const { release, bytes } = payload;
      const request = { release, payloadBytes: bytes, handlers, cgroupDriver, retry: false };
      return await installStep(context, { request, payload, look: openFileLook(context.files, root) });
    }
    if (step === 'uninstall') return await uninstallStep(context);
    if (step === 'look') return await lookStep(context);
    if (step === 'verify') {
      return await verifyStep(context, { handlers: handlers.map(({ name }) => name), boot: false });
    }
    return await prove(context, { flags, policy, namespace: proofNamespace(settings.namespace) }, io);
  });
}

async function prove(
  context: Parameters<typeof proveStep>[0],
  {
    flags,
    policy,
    namespace,
  }: { readonly flags: Flags<typeof FLAGS>; readonly policy: Policy; readonly namespace: string },
  io: CommandIO,
): Promise<EndedStep> {
  const { environment, signal } = io;
  const counts = new Map<string, { verb: string; result: string; count: number }>();
  const client = openClient(io, (verb, result) => {
    const key = `${verb} ${result}`;
    counts.set(key, { verb, result, count: (counts.get(key)?.count ?? 0) + 1 });
  });
  try {
    return await proveStep(context, {
      client,
      calls: () => [...counts.values()],
      node: { name: variable(NAME, environment, 'NODE_NAME'), uid: flags['node-uid'] ?? '' },
      namespace,
      own: {
        namespace: variable(NAME, environment, 'POD_NAMESPACE'),
        pod: variable(NAME, environment, 'POD_NAME'),
        container: NODE_NAME,
      },
      args: PROOF_ARGUMENTS,
      targets: targetsOf(policy, (flags.handlers ?? '').split(',')),
      hostKernel: kernelRelease(),
      clock: systemClock,
      random: Math.random,
      signal,
    });
  } finally {
    client.close();
  }
}

/** Each handler with the RuntimeClass of its first profile. */
function targetsOf({ profiles }: Policy, handlers: readonly string[]) {
  return handlers.flatMap(handler => {
    const profile = profiles.find(candidate => candidate.handler === handler);
    return profile === undefined ? [] : [{ handler, runtimeClassName: profile.runtimeClassName }];
  });
}
