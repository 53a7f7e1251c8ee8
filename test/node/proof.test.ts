import fc from 'fast-check';
import t from 'tap';
import { KubeError } from '../../src/kube/kube-error.ts';
import { EVIDENCE_BYTES, evidenceText, gatherEvidence, parseEvidence } from '../../src/node/proof/evidence.ts';
import { giveEvidence } from '../../src/node/proof/give-evidence.ts';
import { localSurroundings } from '../../src/node/proof/evidence-surroundings.ts';
import { isSettled, judge } from '../../src/node/proof/judge.ts';
import { readPodStatus } from '../../src/node/proof/pod-status.ts';
import { proofPod, proofPodName } from '../../src/node/proof/proof-pod.ts';
import { quantityOf } from '../../src/node/proof/quantity.ts';
import { doubtOfApi } from '../../src/node/proof/refused-pod.ts';
import { sandboxFailures } from '../../src/node/proof/sandbox-events.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import { CASES } from './proof-cases.ts';
import { kubeletEvent, NETWORK_TRAP, podStatus, proofCase, request, terminated } from './proof-values.ts';

t.test('the Pod of a proof asks the scheduler nothing, holds nothing, and ends by itself', t => {
  const pod = proofPod(request);
  t.match(pod.metadata, {
    namespace: 'gvisor-injector-proof',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: 'uid-node-1' }],
  });
  t.match(pod.spec, {
    nodeName: 'node-1',
    runtimeClassName: 'gvisor-proof',
    restartPolicy: 'Never',
    activeDeadlineSeconds: 150,
    automountServiceAccountToken: false,
    tolerations: [{ operator: 'Exists' }],
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        image: 'registry.example/node:1',
        imagePullPolicy: 'IfNotPresent',
        args: ['/app/main.cjs', 'evidence'],
        resources: { limits: { cpu: '1', memory: '192Mi' } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  });
  t.notOk('imagePullSecrets' in (pod.spec ?? {}));
  const secrets = proofPod({ ...request, image: { ...request.image, imagePullSecrets: ['pull'] } });
  t.strictSame(secrets.spec?.imagePullSecrets, [{ name: 'pull' }]);
  t.end();
});

t.test('each node and handler has one name of a Pod, and no two the same', t => {
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,80}[a-z0-9])?$/);
  const property = fc.property(name, name, name, (node, other, handler) => {
    const pod = proofPodName(node, handler);
    t.match(pod, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
    t.ok(pod.length <= 63);
    t.equal(proofPodName(other, handler) === pod, other === node);
  });
  fc.assert(property, { numRuns: 100 });
  t.end();
});

t.test('evidence of a real machine is gathered, and judged not to be gVisor', async t => {
  const surroundings = localSurroundings({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' });
  const clock = new ManualClock();
  let text = '';
  const write = async (message: string): Promise<void> => {
    text = message;
  };
  const giving = giveEvidence({ surroundings, write, clock, signal: new AbortController().signal });
  await clock.fire(4000);
  await giving;
  const found = parseEvidence(text);
  if (found === undefined) throw new Error(text);
  t.match(found, { version: 1, hasGvisorFolder: false, loopback: 'ok', apiServer: 'ECONNREFUSED' });
  t.match(found.kernelVersion, /^Linux version /);
  const container = terminated({ message: text });
  const verdict = judge(proofCase({ pod: podStatus({ container }), hostKernel: found.kernelRelease }));
  t.match(verdict, { result: 'failed', cause: 'KernelForeign' });
});

t.test('evidence fits into a termination message, whatever the sandbox shows', async t => {
  const text = fc.string({ unit: 'binary', maxLength: 3000, size: 'max' });
  const surroundings = fc.record({
    version: text,
    word: text,
    names: fc.array(fc.record({ name: text, addresses: fc.array(text) })),
  });
  const property = fc.asyncProperty(surroundings, async ({ version, word, names }) => {
    const found = await gatherEvidence({
      read: async () => version,
      hasFolder: async () => true,
      loopback: async () => word,
      connect: async () => word,
      lookUp: async () => word,
      environment: { KUBERNETES_SERVICE_HOST: 'x' },
      interfaces: names,
      memoryBytes: Number.MAX_SAFE_INTEGER,
      processors: 1,
    });
    t.ok(Buffer.byteLength(evidenceText(found)) <= EVIDENCE_BYTES);
    t.strictSame(parseEvidence(evidenceText(found)), found);
  });
  await fc.assert(property, { numRuns: 50 });
  t.equal(parseEvidence('no JSON'), undefined);
  t.equal(parseEvidence('{"version":2}'), undefined);
});

t.test('a proof speaks against gVisor only when it must', t => {
  for (const [name, changes, expected, sentence] of CASES) {
    const verdict = judge(proofCase(changes));
    t.equal(['cause' in verdict ? `${verdict.result} ${verdict.cause}` : verdict.result].join(), expected, name);
    t.match(verdict.sentence, sentence, name);
    t.notMatch(verdict.sentence, /[^\x20-\x7e…]|\.$/, 'one printable line without a full stop');
  }
  t.end();
});

t.test('what the API server refuses says nothing of gVisor', t => {
  const call = { verb: 'create', target: 'pods in namespace "proof"' };
  const cases = [
    ['Forbidden', 'pods "p" is forbidden: exceeded quota: q, requested: pods=1', 'Quota'],
    ['Forbidden', 'violates PodSecurity "restricted:latest"', 'Admission'],
    ['Forbidden', 'pod rejected: RuntimeClass "gvisor-proof" not found', 'Admission'],
    ['NotFound', 'namespaces "proof" not found', 'Admission'],
    ['Unreachable', 'connect ECONNREFUSED', 'API'],
    ['ServerFailed', 'etcdserver: request timed out', 'API'],
  ] as const;
  for (const [failure, sentence, cause] of cases) {
    t.match(doubtOfApi(new KubeError(call, { failure, sentence })), { result: 'inconclusive', cause });
  }
  t.end();
});

t.test('a proof is waited for as long as waiting may tell more', t => {
  const pending = podStatus({
    phase: 'Pending',
    container: { kind: 'waiting', reason: 'ContainerCreating', message: '' },
  });
  const once = sandboxFailures([kubeletEvent(NETWORK_TRAP)]);
  t.equal(isSettled({ pod: pending, failures: [] }), false);
  t.equal(isSettled({ pod: pending, failures: once }), false, 'the kubelet tries again');
  t.equal(isSettled({ pod: pending, failures: sandboxFailures([kubeletEvent(NETWORK_TRAP, { count: 2 })]) }), true);
  t.equal(
    isSettled({ pod: pending, failures: sandboxFailures([kubeletEvent('cni plugin not initialized', { count: 9 })]) }),
    false,
  );
  t.equal(isSettled({ pod: podStatus(), failures: [] }), true);
  t.equal(
    isSettled({
      pod: podStatus({ phase: 'Pending', container: { kind: 'waiting', reason: 'ErrImagePull', message: '' } }),
      failures: [],
    }),
    true,
  );
  t.strictSame(sandboxFailures([kubeletEvent('x', { reason: 'Pulled' })]), []);
  t.end();
});

t.test('limits are those of the Pod as the API server has it, with its overhead', t => {
  const spec = {
    overhead: { cpu: '50m', memory: '64Mi' },
    containers: [{ resources: { limits: { cpu: '1', memory: '192Mi' } } }],
  };
  const object = {
    name: 'p',
    namespace: 'n',
    uid: 'u',
    resourceVersion: '1',
    content: { metadata: {}, spec, status: { phase: 'Pending' } },
  };
  t.match(readPodStatus(object), {
    phase: 'Pending',
    container: { kind: 'none' },
    limits: { memoryBytes: 268_435_456, processors: 1.05 },
  });
  t.equal(readPodStatus({ ...object, content: {} }), undefined);
  const values: readonly (readonly [unknown, number | undefined])[] = [
    ['250m', 0.25],
    ['1e3', 1000],
    ['2', 2],
    [3, 3],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['x', undefined],
    ['', undefined],
    ['1Zi', undefined],
    [null, undefined],
  ];
  for (const [value, expected] of values) t.equal(quantityOf(value), expected);
  t.end();
});
