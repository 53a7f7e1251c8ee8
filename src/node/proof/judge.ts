import { GVISOR_RUNTIME_TYPE } from '../containerd/handler-tables.ts';
import { printable } from '../../policy/printable.ts';
import { type Evidence, parseEvidence } from './evidence.ts';
import { judgeHost } from './judge-host.ts';
import type { HostView } from './host-view.ts';
import type { ContainerState, PodStatus } from './pod-status.ts';
import type { SandboxFailure } from './sandbox-events.ts';
import type { DoubtCause, FailureCause, Verdict } from './verdict.ts';

/** All that is known of a proof when it is over. */
export interface ProofCase {
  readonly handler: string;
  /** As it was last; undefined when somebody else removed the Pod. */
  readonly pod: PodStatus | undefined;
  readonly failures: readonly SandboxFailure[];
  readonly host: HostView;
  /** As `uname -r` says on the host. */
  readonly hostKernel: string;
  /** How long it was waited for. */
  readonly seconds: number;
}

/** Longest text of containerd or a kubelet in a sentence. */
const QUOTE_LENGTH = 300;

/** What kubelets say when they cannot get an image (kubernetes: pkg/kubelet/images/types.go). */
const IMAGE_REASONS = [
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'ErrImageNotPresentWithSecret',
  'RegistryUnavailable',
  'SignatureValidationFailed',
];

/** Judges a proof: gVisor is on trial, and nobody else. */
export function judge(proof: ProofCase): Verdict {
  const { pod, host, handler } = proof;
  if (host.sandbox !== undefined) {
    const foreign = judgeRuntime(host.sandbox, handler);
    if (foreign !== undefined) return foreign;
  }
  if (pod === undefined) return inconclusive('Removed', 'somebody else removed the Pod of the proof');
  if (pod.container.kind === 'terminated') return judgeEnd(proof, pod, pod.container);
  if (pod.phase === 'Failed' && pod.reason !== 'DeadlineExceeded') {
    return inconclusive('Scheduling', `the kubelet turned the Pod away: ${quote(pod.reason, pod.message)}`);
  }
  return judgeUnfinished(proof, pod.container);
}

/** True when waiting longer for a Pod would tell nothing more. */
export function isSettled({ pod, failures }: Pick<ProofCase, 'failures'> & { readonly pod: PodStatus }): boolean {
  const { container, phase } = pod;
  if (container.kind === 'terminated' || phase === 'Failed' || phase === 'Succeeded') return true;
  if (container.kind === 'waiting' && IMAGE_REASONS.includes(container.reason)) return true;
  // A kubelet tries again after the first one, which may have come at a bad moment.
  return blamed(failures).some(({ count }) => count > 1);
}

function judgeRuntime(sandbox: NonNullable<HostView['sandbox']>, handler: string): Verdict | undefined {
  if (sandbox.handler === handler && sandbox.runtimeType === GVISOR_RUNTIME_TYPE) return undefined;
  const found = `runtime type '${printable(sandbox.runtimeType, 60)}' by handler '${printable(sandbox.handler, 60)}'`;
  return failed(
    'RuntimeForeign',
    `CRI says that the sandbox is of ${found}, not of '${GVISOR_RUNTIME_TYPE}' by '${handler}'`,
  );
}

function judgeEnd(
  { hostKernel, host }: ProofCase,
  pod: PodStatus,
  { exitCode, reason, message }: Extract<ContainerState, { readonly kind: 'terminated' }>,
): Verdict {
  if (pod.reason !== '' && pod.phase === 'Failed') {
    return inconclusive('Scheduling', `the kubelet ended the Pod: ${quote(pod.reason, pod.message)}`);
  }
  if (reason === 'OOMKilled') return inconclusive('Resources', 'the program of the proof ran out of memory');
  if (reason === 'StartError' || reason === 'ContainerCannotRun') {
    return failed('ContainerNotStarted', `the sandbox started, and its container did not: ${quote(reason, message)}`);
  }
  if (exitCode !== 0 && pod.isLeaving) return inconclusive('Removed', 'somebody else removed the Pod of the proof');
  const evidence = parseEvidence(message);
  if (exitCode !== 0 || evidence === undefined) {
    const said = quote(reason, message);
    return failed('ProgramFailed', `the program of the proof ended with ${exitCode} and without evidence: ${said}`);
  }
  return judgeEvidence(evidence, hostKernel) ?? judgeHost(host, pod.limits) ?? passed(evidence);
}

/**
 * gVisor's version text is the same in all of its releases but for the number (gvisor: pkg/sentry/syscalls/linux), and
 * newer releases have a name in it.
 */
function judgeEvidence({ kernelVersion, kernelRelease, loopback }: Evidence, hostKernel: string): Verdict | undefined {
  const isGvisor = /-gvisor\b/.test(kernelRelease) || kernelVersion.includes('#1 SMP Sun Jan 10 15:06:54 PST 2016');
  if (!isGvisor) {
    const found = `'${kernelRelease}' (${kernelVersion})`;
    return failed(
      'KernelForeign',
      `the program saw the kernel ${found}, which is not gVisor's; the host has '${hostKernel}'`,
    );
  }
  if (loopback === 'ok') return undefined;
  return failed('LoopbackBroken', `TCP to the loopback address failed inside: ${loopback}`);
}

function passed({ kernelRelease, apiServer, dns }: Evidence): Verdict {
  const network =
    apiServer === 'ok' && dns === 'ok' ? '' : `; from inside, the API server's address: ${apiServer}, its name: ${dns}`;
  return { result: 'passed', sentence: `a sandbox with kernel ${kernelRelease} ran, with its limits${network}` };
}

function judgeUnfinished({ failures, seconds }: ProofCase, container: ContainerState): Verdict {
  const [own] = blamed(failures);
  if (own !== undefined) return failed('SandboxNotStarted', `no sandbox started: ${quote('', own.message)}`);
  if (container.kind === 'waiting') {
    const { reason, message } = container;
    if (IMAGE_REASONS.includes(reason))
      return inconclusive('Image', `the image of the proof cannot be had: ${quote(reason, message)}`);
    if (reason === 'CreateContainerConfigError') return inconclusive('Admission', quote(reason, message));
    if (reason === 'CreateContainerError' || reason === 'RunContainerError') {
      return failed('ContainerNotStarted', `the sandbox started, and its container did not: ${quote(reason, message)}`);
    }
  }
  if (container.kind === 'running') {
    return failed('ProgramFailed', `the program of the proof started, and did not end within ${seconds} s`);
  }
  const [other] = failures;
  if (other !== undefined) return inconclusive(doubtOf(other), `no sandbox was tried: ${quote('', other.message)}`);
  return inconclusive('NotStarted', `the kubelet did not start the proof within ${seconds} s`);
}

function blamed(failures: readonly SandboxFailure[]): readonly SandboxFailure[] {
  return failures.filter(({ blame }) => blame === 'gVisor');
}

function doubtOf({ blame }: SandboxFailure): DoubtCause {
  if (blame === 'network') return 'Network';
  return blame === 'image' ? 'Image' : 'Runtime';
}

function quote(reason: string, message: string): string {
  const text = [reason, message].filter(part => part !== '').join(': ');
  return printable(text === '' ? 'without a word' : text, QUOTE_LENGTH);
}

function failed(cause: FailureCause, sentence: string): Verdict {
  return { result: 'failed', cause, sentence };
}

function inconclusive(cause: DoubtCause, sentence: string): Verdict {
  return { result: 'inconclusive', cause, sentence };
}
