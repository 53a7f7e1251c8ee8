import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { Evidence } from '../../src/node/proof/evidence.ts';
import type { HostView } from '../../src/node/proof/host-view.ts';
import type { ProofCase } from '../../src/node/proof/judge.ts';
import type { ContainerState, PodStatus } from '../../src/node/proof/pod-status.ts';
import type { ProofRequest } from '../../src/node/proof/proof-pod.ts';

const MEBIBYTE = 1024 * 1024;

/** A proof of handler runsc on node-1. */
export const request: ProofRequest = {
  namespace: 'gvisor-injector-proof',
  node: { name: 'node-1', uid: 'uid-node-1' },
  handler: 'runsc',
  runtimeClassName: 'gvisor',
  image: { image: 'registry.example/node:1', imagePullPolicy: 'IfNotPresent', imagePullSecrets: [] },
  args: ['/app/main.cjs', 'evidence'],
};

/** What a program sees in gVisor of September 2026. */
export const evidence: Evidence = {
  version: 1,
  kernelVersion: 'Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016',
  kernelRelease: '4.19.0-gvisor',
  hasGvisorFolder: true,
  loopback: 'ok',
  apiServer: 'ok',
  dns: 'ok',
  interfaces: [{ name: 'eth0', addresses: ['10.88.1.7'] }],
  memoryBytes: 268_435_456,
  processors: 1,
};

/** Where the container of a proof stands. */
export function terminated(changes: Partial<Extract<ContainerState, { kind: 'terminated' }>> = {}): ContainerState {
  return { kind: 'terminated', exitCode: 0, reason: 'Completed', message: JSON.stringify(evidence), ...changes };
}

/** The Pod of a proof that went well. */
export function podStatus(changes: Partial<PodStatus> = {}): PodStatus {
  return {
    phase: 'Succeeded',
    reason: '',
    message: '',
    container: terminated(),
    isLeaving: false,
    limits: { memoryBytes: 256 * MEBIBYTE, processors: 1.05 },
    ...changes,
  };
}

/** What the host shows of a proof that went well. */
export const hostView: HostView = {
  sandbox: { handler: 'runsc', runtimeType: 'io.containerd.runsc.v1' },
  cgroup: {
    path: '/kubepods.slice/kubepods-pod1.slice',
    memoryLimitBytes: 256 * MEBIBYTE,
    memoryUsageBytes: 60 * MEBIBYTE,
    processors: 1.05,
  },
  trouble: undefined,
};

/** A proof that went well, but for what is changed. */
export function proofCase(changes: Partial<ProofCase> = {}): ProofCase {
  return {
    handler: 'runsc',
    pod: podStatus(),
    failures: [],
    host: hostView,
    hostKernel: '6.12.0',
    seconds: 100,
    ...changes,
  };
}

/** An event of a kubelet, as the API server has it in events.k8s.io/v1. */
export function kubeletEvent(note: string, { reason = 'FailedCreatePodSandBox', count = 1 } = {}): KubeObject {
  const content = { reason, note, type: 'Warning', deprecatedCount: count };
  return { name: 'event', namespace: 'gvisor-injector-proof', uid: 'uid-event', resourceVersion: '1', content };
}

/** What containerd said when gVisor of 2024 met a network on a kernel of 2026. */
export const NETWORK_TRAP =
  'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox "3f": failed to create containerd task: failed to create shim task: OCI runtime create failed: creating container: cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF: cannot run with network enabled in root network namespace';
