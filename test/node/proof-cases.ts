import type { Evidence } from '../../src/node/proof/evidence.ts';
import type { ProofCase } from '../../src/node/proof/judge.ts';
import { sandboxFailures } from '../../src/node/proof/sandbox-events.ts';
import { evidence, hostView, kubeletEvent, NETWORK_TRAP, podStatus, terminated } from './proof-values.ts';

const withEvidence = (changes: Partial<Evidence>): Partial<ProofCase> => ({
  pod: podStatus({ container: terminated({ message: JSON.stringify({ ...evidence, ...changes }) }) }),
});
const waiting = (reason: string, message = ''): Partial<ProofCase> => ({
  pod: podStatus({ phase: 'Pending', container: { kind: 'waiting', reason, message } }),
});
const withCgroup = (changes: Partial<NonNullable<typeof hostView.cgroup>>): Partial<ProofCase> =>
  hostView.cgroup === undefined ? {} : { host: { ...hostView, cgroup: { ...hostView.cgroup, ...changes } } };
const OLD = 'Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016';
const turnedAway = { phase: 'Failed', container: { kind: 'none' } } as const;

/** What a proof comes to: result, cause, and a part of the sentence. */
export const CASES: readonly (readonly [string, Partial<ProofCase>, string, RegExp])[] = [
  ['all is well', {}, 'passed', /kernel 4\.19\.0-gvisor ran, with its limits$/],
  [
    'a policy forbids the network',
    withEvidence({ apiServer: 'ETIMEDOUT', dns: 'EAI_AGAIN' }),
    'passed',
    /address: ETIMEDOUT, its name: EAI_AGAIN/,
  ],
  [
    'a release before 2026',
    withEvidence({ kernelVersion: OLD, kernelRelease: '4.4.0', hasGvisorFolder: false }),
    'passed',
    /4\.4\.0/,
  ],
  [
    'another kernel',
    withEvidence({ kernelVersion: 'Linux version 6.12.0', kernelRelease: '6.12.0' }),
    'failed KernelForeign',
    /'6\.12\.0'/,
  ],
  ['no loopback', withEvidence({ loopback: 'ECONNREFUSED' }), 'failed LoopbackBroken', /ECONNREFUSED/],
  [
    'no evidence',
    { pod: podStatus({ container: terminated({ message: '' }) }) },
    'failed ProgramFailed',
    /ended with 0/,
  ],
  [
    'the program fails',
    { pod: podStatus({ phase: 'Failed', container: terminated({ exitCode: 139, reason: 'Error' }) }) },
    'failed ProgramFailed',
    /ended with 139/,
  ],
  [
    'the program hangs',
    { pod: podStatus({ phase: 'Running', container: { kind: 'running' } }) },
    'failed ProgramFailed',
    /within 100 s/,
  ],
  [
    'no container',
    {
      pod: podStatus({
        phase: 'Failed',
        container: terminated({ exitCode: 128, reason: 'StartError', message: 'no' }),
      }),
    },
    'failed ContainerNotStarted',
    /StartError: no/,
  ],
  ['no container yet', waiting('CreateContainerError', 'EOF'), 'failed ContainerNotStarted', /EOF/],
  [
    'a runtime that is none',
    { host: { ...hostView, sandbox: { handler: 'runsc', runtimeType: 'io.containerd.runc.v2' } } },
    'failed RuntimeForeign',
    /io\.containerd\.runc\.v2/,
  ],
  [
    'it is said even of a Pod that hangs',
    {
      ...waiting('ContainerCreating'),
      host: { ...hostView, sandbox: { handler: '', runtimeType: 'io.containerd.runc.v2' } },
    },
    'failed RuntimeForeign',
    /by handler ''/,
  ],
  ['processes elsewhere', withCgroup({ memoryUsageBytes: 8192 }), 'failed LimitsNotEnforced', /used 8192 bytes/],
  [
    'no limit',
    withCgroup({ memoryLimitBytes: undefined }),
    'failed LimitsNotEnforced',
    /has no limit of memory, not 268435456/,
  ],
  ['another limit', withCgroup({ memoryLimitBytes: 1e9 }), 'failed LimitsNotEnforced', /1000000000/],
  ['a limit in pages', withCgroup({ memoryLimitBytes: 268_435_456 - 4096 }), 'passed', /./],
  ['another quota', withCgroup({ processors: 4 }), 'failed LimitsNotEnforced', /4 processors, not 1\.05/],
  ['a kubelet without quotas', withCgroup({ processors: undefined }), 'passed', /./],
  ['nobody saw the cgroup', { host: { ...hostView, cgroup: undefined } }, 'inconclusive NoHostView', /no cgroup/],
  ['nobody saw the sandbox', { host: { ...hostView, sandbox: undefined } }, 'inconclusive NoHostView', /did not list/],
  [
    'CRI does not answer',
    { host: { ...hostView, sandbox: undefined, trouble: 'ContainerdUnreachable: no' } },
    'inconclusive NoHostView',
    /ContainerdUnreachable/,
  ],
  [
    'no network of the trap',
    { ...waiting('ContainerCreating'), failures: sandboxFailures([kubeletEvent(NETWORK_TRAP, { count: 2 })]) },
    'failed SandboxNotStarted',
    /root network namespace|waiting for sandbox/,
  ],
  [
    'no handler',
    {
      ...waiting('ContainerCreating'),
      failures: sandboxFailures([kubeletEvent('no runtime for "runsc" is configured')]),
    },
    'failed SandboxNotStarted',
    /no runtime for "runsc"/,
  ],
  [
    'no CNI',
    {
      ...waiting('ContainerCreating'),
      failures: sandboxFailures([
        kubeletEvent('failed to setup network for sandbox "3f": plugin type="bridge" failed (add)'),
      ]),
    },
    'inconclusive Network',
    /bridge/,
  ],
  [
    'no pause image',
    {
      ...waiting('ContainerCreating'),
      failures: sandboxFailures([kubeletEvent('failed to get sandbox image "pause:3.10": failed to pull image')]),
    },
    'inconclusive Image',
    /pause/,
  ],
  [
    'containerd restarts',
    {
      ...waiting('ContainerCreating'),
      failures: sandboxFailures([kubeletEvent('rpc error: code = Unavailable desc = connection error')]),
    },
    'inconclusive Runtime',
    /Unavailable/,
  ],
  ['no image', waiting('ErrImageNeverPull', 'not present'), 'inconclusive Image', /not present/],
  [
    'no configuration',
    waiting('CreateContainerConfigError', 'non-numeric user'),
    'inconclusive Admission',
    /non-numeric/,
  ],
  ['a kubelet that does nothing', waiting('ContainerCreating'), 'inconclusive NotStarted', /within 100 s/],
  [
    'a full node',
    { pod: podStatus({ ...turnedAway, reason: 'OutOfmemory', message: 'Node did not have enough' }) },
    'inconclusive Scheduling',
    /OutOfmemory/,
  ],
  [
    'an eviction',
    {
      pod: podStatus({ phase: 'Failed', reason: 'Evicted', container: terminated({ exitCode: 137, reason: 'Error' }) }),
    },
    'inconclusive Scheduling',
    /Evicted/,
  ],
  [
    'a deadline before anything',
    { pod: podStatus({ ...turnedAway, reason: 'DeadlineExceeded' }) },
    'inconclusive NotStarted',
    /./,
  ],
  [
    'no memory',
    { pod: podStatus({ phase: 'Failed', container: terminated({ exitCode: 137, reason: 'OOMKilled' }) }) },
    'inconclusive Resources',
    /memory/,
  ],
  ['somebody removed it', { pod: undefined }, 'inconclusive Removed', /somebody else/],
  [
    'somebody is removing it',
    { pod: podStatus({ isLeaving: true, phase: 'Failed', container: terminated({ exitCode: 143, reason: 'Error' }) }) },
    'inconclusive Removed',
    /somebody else/,
  ],
];
