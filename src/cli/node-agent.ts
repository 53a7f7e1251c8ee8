import { once } from 'node:events';
import { EXIT_CODES, type ExitCode, systemErrorCode, UserError } from '../errors/user-error.ts';
import { systemClock } from '../kube/clock.ts';
import { METRICS_PORT } from '../manifest/names.ts';
import { Agent, type StepRequest } from '../node/agent/agent.ts';
import { AgentMetrics } from '../node/agent/agent-metrics.ts';
import { createAgentServer } from '../node/agent/agent-server.ts';
import { DriftWatch, openFileLook } from '../node/agent/drift-watch.ts';
import { runStep } from '../node/agent/run-step.ts';
import type { EndedStep, Step } from '../node/agent/step-report.ts';
import { readKernelFacts } from '../node/host/kernel-facts.ts';
import { openHostFiles } from '../node/host/local-host-files.ts';
import { createLog, descriptorDestination, type Log } from '../record/log.ts';
import type { CommandIO } from './command.ts';
import { choiceFlag, type Flags, integerFlag, parseFlags } from './flags.ts';
import type { NodeCommand } from './node.ts';
import { STEP_FLAGS, STEP_FLAGS_HELP, stepSettings, stepWords, variable } from './node-agent-flags.ts';
import { openClient } from './node-client.ts';
import { PAYLOAD_HELP } from './node-payload-flags.ts';
import { readPolicyFile } from './policy-file.ts';

const NAME = 'node agent';
const FLAGS = { ...STEP_FLAGS, 'metrics-port': 'string', unlabelled: 'string' } as const;
/** Longest time of a step, in seconds: a mirror may be slow, and a proof waits for a kubelet. */
const STEP_SECONDS = { install: 1200, verify: 120, prove: 600, look: 120, uninstall: 600 } as const satisfies Record<
  Step,
  number
>;

/** `node agent`: the program of the DaemonSet. */
export const nodeAgent: NodeCommand = {
  help: `gvisor-injector node agent --root /host

The node agent, in a Pod of the DaemonSet: installs gVisor where the Node's label gvisor-injector/install says true, proves
that sandboxes start, marks the Node, repairs what others change, and gives the node back where the label says false. It
ends on SIGTERM and removes nothing then. The environment names its Node and Pod: NODE_NAME, POD_NAME, POD_NAMESPACE.

      --unlabelled install    install on nodes without that label too (default: none)
      --metrics-port NUMBER   HTTP: /metrics, /livez, /readyz (${METRICS_PORT})
${STEP_FLAGS_HELP}
${PAYLOAD_HELP}
`,
  run,
};

async function run(args: readonly string[], io: CommandIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { f: 'policy', n: 'namespace' } });
  const { root, namespace } = stepSettings(NAME, flags);
  // A policy with faults is refused here and now, and not by every step.
  await readPolicyFile(flags.policy, namespace);
  const log = createLog(
    io.stdoutDescriptor === undefined ? io.stdout : descriptorDestination(io.stdoutDescriptor, () => process.exit(1)),
  );
  const metrics = new AgentMetrics();
  const client = openClient(io, (verb, result) => metrics.called(verb, result));
  const agent = new Agent({
    nodeName: variable(NAME, io.environment, 'NODE_NAME'),
    unlabelled: choiceFlag(NAME, {
      name: 'unlabelled',
      value: flags.unlabelled ?? 'none',
      choices: ['none', 'install'],
    }),
    bootId: (await readKernelFacts()).bootId,
    client,
    runStep: async (request, signal) => await startStep(request, { flags, io, log, signal }),
    drift: new DriftWatch(openFileLook(openHostFiles(root), root)),
    clock: systemClock,
    date: () => new Date(),
    random: Math.random,
    signal: io.signal,
    log,
    metrics,
  });
  const port = flags['metrics-port'] ?? String(METRICS_PORT);
  const server = createAgentServer({ notReadyReason: () => agent.notReadyReason(), scrape: () => metrics.scrape() });
  try {
    server.listen(integerFlag(NAME, { name: 'metrics-port', value: port, minimum: 0, maximum: 65_535 }));
    await once(server, 'listening').catch((cause: unknown) => {
      throw new UserError('ListenFailed', `Cannot listen on port ${port}: ${systemErrorCode(cause)}`, { cause });
    });
    await agent.run();
    return EXIT_CODES.done;
  } finally {
    server.close();
    client.close();
  }
}

interface StepSurroundings {
  readonly flags: Flags<typeof FLAGS>;
  readonly io: CommandIO;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A step in a process of its own, which is given the same settings. */
async function startStep({ step, handlers, uid }: StepRequest, surroundings: StepSurroundings): Promise<EndedStep> {
  const { flags, io, log, signal } = surroundings;
  const [node, script] = mainProgram(io.program);
  const own = [`--step=${step}`, ...(handlers.length === 0 ? [] : [`--handlers=${handlers.join(',')}`])];
  const words = ['node', 'step', ...own, ...(uid === '' ? [] : [`--node-uid=${uid}`]), ...stepWords(flags)];
  return await runStep(
    { step, command: [node, script, ...words], environment: io.environment },
    {
      clock: systemClock,
      signal,
      timeoutSeconds: STEP_SECONDS[step],
      onLine: line => log.info('nodeStep', { step, detail: line.replace(/^- /, '') }),
    },
  );
}

/** The main program, which lies beside that of the DaemonSet, as sources and in bundles. */
function mainProgram([node, script]: CommandIO['program']): CommandIO['program'] {
  return [node, script.replace(/agent-main\.ts$/, 'main.ts').replace(/agent\.cjs$/, 'main.cjs')];
}
