import fc from 'fast-check';
import type { Target } from '../../src/policy/admission-path.ts';

/** Shared generators: Pods as users write them, with everything a decision reads and noise around it. */

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean());

/** Any JSON, but without the key `<<`, which is a merge in YAML 1.1 and no key. */
export const anyJson = fc.jsonValue({ maxDepth: 3 }).map((value): unknown => withoutMergeKeys(value));

/** Fields that no type of ours knows. */
const noise = fc.dictionary(fc.oneof(fc.stringMatching(/^[a-zA-Z_.~/-]{1,12}$/), fc.constant('__proto__')), anyJson, {
  maxKeys: 4,
});

const sandboxValue = fc.oneof(
  fc.constantFrom('gvisor', 'strict', 'none', '', ' gvisor', 'gviser'),
  fc.string({ maxLength: 8 }),
);

const annotations = fc
  .record(
    {
      sandbox: sandboxValue,
      'dev.gvisor.flag.host-uds': fc.constantFrom('open', 'all'),
      'dev.gvisor.spec.mount.work.type': fc.constant('tmpfs'),
      'kubernetes.io/config.mirror': fc.constant('abc'),
    },
    { requiredKeys: [] },
  )
  .chain(known => fc.dictionary(name, fc.string(), { maxKeys: 3 }).map(other => ({ ...other, ...known })));

const nodeSelector = fc.record(
  {
    'gvisor-injector/runsc': fc.constantFrom('ready', 'ready', 'false'),
    'example.com/pool': fc.constantFrom('sandboxes', 'other'),
    disktype: fc.constant('ssd'),
    'odd~key/with~1': fc.string(),
  },
  { requiredKeys: [] },
);

const toleration = fc.oneof(
  fc.record(
    {
      key: fc.constantFrom('sandbox', 'example.com/pool', 'other', ''),
      operator: fc.constantFrom('Equal', 'Exists', 'Lt'),
      value: fc.constantFrom('gvisor', 'strict', 'x'),
      effect: fc.constantFrom('NoSchedule', 'NoExecute', ''),
      tolerationSeconds: fc.integer({ min: 0, max: 600 }),
    },
    { requiredKeys: [] },
  ),
  noise,
);

const mount = fc.record(
  { name, mountPath: fc.constant('/x'), mountPropagation: fc.constantFrom('None', 'HostToContainer', 'Bidirectional') },
  { requiredKeys: ['name'] },
);

const container = fc
  .record(
    {
      name,
      image: fc.string(),
      volumeMounts: fc.array(mount, { maxLength: 2 }),
      volumeDevices: fc.array(fc.record({ name, devicePath: fc.constant('/dev/x') }), { maxLength: 1 }),
      securityContext: fc.record({ windowsOptions: fc.constant({}), privileged: fc.boolean() }, { requiredKeys: [] }),
    },
    { requiredKeys: ['name'] },
  )
  .chain(known => noise.map(other => ({ ...other, ...known })));

const spec = fc
  .record(
    {
      containers: fc.array(container, { minLength: 1, maxLength: 3 }),
      initContainers: fc.array(container, { maxLength: 2 }),
      ephemeralContainers: fc.array(container, { maxLength: 1 }),
      runtimeClassName: fc.constantFrom('gvisor', 'gvisor-strict', 'kata', ''),
      nodeSelector: fc.oneof(nodeSelector, fc.constant(null)),
      tolerations: fc.oneof(fc.array(toleration, { maxLength: 3 }), fc.constant(null)),
      nodeName: fc.constantFrom('n1', ''),
      hostNetwork: fc.boolean(),
      hostPID: fc.boolean(),
      hostIPC: fc.boolean(),
      os: fc.record({ name: fc.constantFrom('linux', 'windows') }),
    },
    { requiredKeys: ['containers'] },
  )
  .chain(known => noise.map(other => ({ ...other, ...known })));

/** A Pod that an API server could have sent, as JSON. */
export const anyPod: fc.Arbitrary<Record<string, unknown>> = fc
  .record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('Pod'),
    metadata: fc.record({
      name,
      annotations: fc.oneof(annotations, fc.constant(undefined)),
      labels: fc.dictionary(name, scalar, { maxKeys: 2 }),
    }),
    spec,
  })
  // Through JSON, so that it holds only what JSON can.
  .map(pod => parsePlain(pod));

/** Why the API server asked, for a policy with the profiles gvisor and strict. */
export const anyTarget: fc.Arbitrary<Target> = fc.oneof(
  fc.record({
    trigger: fc.constant('enforce' as const),
    profile: fc.constantFrom('gvisor', 'strict'),
    optOut: fc.boolean(),
  }),
  fc.record({ trigger: fc.constant('audit' as const), profile: fc.constantFrom('gvisor', 'strict') }),
  fc.constant({ trigger: 'pod' as const }),
);

function parsePlain(value: unknown): Record<string, unknown> {
  const parsed: unknown = JSON.parse(JSON.stringify(value));
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('a Pod is an object');
  return { ...parsed };
}

function withoutMergeKeys(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"<<":', '"<<<":'));
}
