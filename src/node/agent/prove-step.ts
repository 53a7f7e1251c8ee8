import type { Clock } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { ChangeContext } from '../change/context.ts';
import { type OwnContainer, readOwnImage } from '../proof/own-image.ts';
import { doubtOfApi } from '../proof/refused-pod.ts';
import { runProof } from '../proof/run-proof.ts';
import type { Verdict } from '../proof/verdict.ts';
import { reported } from './host-steps.ts';
import { readLayout } from './read-layout.ts';
import type { EndedStep } from './step-report.ts';

/** A handler that is to be proved. */
export interface ProofTarget {
  readonly handler: string;
  /** Of its first profile. */
  readonly runtimeClassName: string;
}

/** What proofs are run with. */
export interface ProveOptions {
  readonly client: KubeClient;
  /** Requests until now, by verb and result. */
  readonly calls: () => readonly { readonly verb: string; readonly result: string; readonly count: number }[];
  readonly node: { readonly name: string; readonly uid: string };
  /** The namespace of the proofs. */
  readonly namespace: string;
  /** The Pod and container that we are in ourselves. */
  readonly own: OwnContainer;
  /** Arguments of the image that gather the evidence. */
  readonly args: readonly string[];
  readonly targets: readonly ProofTarget[];
  /** As `uname -r` says on the host. */
  readonly hostKernel: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Proves handlers, one after the other, and reports. @throws what is no failure on the host or of the API server */
export async function proveStep(
  context: Pick<ChangeContext, 'files' | 'systemd' | 'connectRuntime'>,
  options: ProveOptions,
): Promise<EndedStep> {
  return await reported('prove', async () => {
    const { targets, calls } = options;
    const verdicts = await proveAll(context, options);
    return {
      step: 'prove',
      report: {
        outcome: 'proved',
        verdicts: targets.map(({ handler }, index) => ({ handler, verdict: verdicts[index] ?? NOT_PROVED })),
        calls: [...calls()],
      },
    };
  });
}

const NOT_PROVED: Verdict = { result: 'inconclusive', cause: 'AgentFault', sentence: 'it was not proved' };

async function proveAll(
  context: Pick<ChangeContext, 'files' | 'systemd' | 'connectRuntime'>,
  options: ProveOptions,
): Promise<readonly Verdict[]> {
  const { client, targets, own, node, signal } = options;
  try {
    const image = await readOwnImage(client, own);
    if (image === undefined) {
      const sentence = `Pod ${own.namespace}/${own.pod} has no container '${own.container}', whose image the proof needs`;
      return targets.map(() => ({ result: 'inconclusive', cause: 'AgentFault', sentence }));
    }
    const runtime = context.connectRuntime((await readLayout(context)).socket);
    try {
      const verdicts: Verdict[] = [];
      for (const target of targets) {
        const { namespace, args } = options;
        // Each has the node to itself.
        // oxlint-disable-next-line no-await-in-loop
        verdicts.push(
          await runProof({ ...options, files: context.files, runtime }, { namespace, node, image, args, ...target }),
        );
      }
      return verdicts;
    } finally {
      runtime.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeError)) throw error;
    return targets.map(() => doubtOfApi(error));
  }
}
