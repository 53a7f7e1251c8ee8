import type { Target } from '../policy/admission-path.ts';

/** One question of the demo: what the cluster looks like, and the Pod that somebody creates there. */
export interface Scenario {
  readonly title: string;
  readonly target: Target;
  readonly namespace: string;
  readonly pod: Readonly<Record<string, unknown>>;
}

interface ExamplePod {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** What a newcomer should have seen, in the order in which the product is understood. */
export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'A Pod in a namespace labelled sandbox=gvisor is sandboxed',
    target: { trigger: 'enforce', profile: 'gvisor', optOut: false },
    namespace: 'notebooks',
    pod: examplePod({ name: 'jupyter' }),
  },
  {
    title: 'A Pod elsewhere that carries the annotation sandbox: gvisor is sandboxed too',
    target: { trigger: 'pod' },
    namespace: 'default',
    pod: examplePod({ name: 'agent', annotations: { sandbox: 'gvisor' }, spec: { nodeSelector: { disktype: 'ssd' } } }),
  },
  {
    title: 'A Pod opts out where the namespace is labelled sandbox-opt-out=allowed: it passes, with a warning',
    target: { trigger: 'enforce', profile: 'gvisor', optOut: true },
    namespace: 'builds',
    pod: examplePod({ name: 'docker-in-docker', annotations: { sandbox: 'none' } }),
  },
  {
    title: 'A Pod opts out where the namespace does not allow it: refused, with what to do',
    target: { trigger: 'enforce', profile: 'gvisor', optOut: false },
    namespace: 'notebooks',
    pod: examplePod({ name: 'escape', annotations: { sandbox: 'none' } }),
  },
  {
    title: 'A Pod that names another RuntimeClass is refused, never rewritten',
    target: { trigger: 'enforce', profile: 'gvisor', optOut: false },
    namespace: 'notebooks',
    pod: examplePod({ name: 'vm', spec: { runtimeClassName: 'kata-qemu' } }),
  },
  {
    title: 'A Pod that tries to open a hole in gVisor itself is refused',
    target: { trigger: 'enforce', profile: 'gvisor', optOut: false },
    namespace: 'notebooks',
    pod: examplePod({ name: 'hole', annotations: { 'dev.gvisor.flag.host-uds': 'all' } }),
  },
  {
    title: 'A Pod that gVisor cannot run is refused when it is created, not when it fails',
    target: { trigger: 'enforce', profile: 'gvisor', optOut: false },
    namespace: 'notebooks',
    pod: examplePod({ name: 'node-exporter', spec: { hostNetwork: true, hostPID: true } }),
  },
  {
    title: 'In a namespace labelled sandbox-audit=gvisor nothing changes, and the record says what would',
    target: { trigger: 'audit', profile: 'gvisor' },
    namespace: 'legacy',
    pod: examplePod({ name: 'billing' }),
  },
];

function examplePod({ name, annotations, spec = {} }: ExamplePod): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(annotations === undefined ? {} : { annotations }) },
    spec: { ...spec, containers: [{ name: 'main', image: 'nginx' }] },
  };
}
