import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { applyPatch } from '../../src/documents/apply-patch.ts';
import { DEFAULT_LIMITS } from '../../src/webhook/limits.ts';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { podOf } from '../support/pod.ts';
import { fixturePolicies } from '../support/decision-fixtures.ts';
import { patchOf, responseOf } from '../support/answers.ts';
import { parseObject, send, startTestWebhook, trustingAgent } from '../support/webhook.ts';

// What the API server does, and what goes wrong with other webhooks. The labels are those of the project's notes on
// admission; each test names its source.

const ENFORCE = '/mutate/enforce/gvisor';

t.test('an idle connection outlives the 90 s after which the API server gives it up (T1)', async t => {
  // client-go: transport/cache.go IdleConnTimeout 90 s; a server that closes first makes sporadic EOFs (golang/go#22158).
  t.ok(DEFAULT_LIMITS.keepAliveMilliseconds > 90_000, 'kept longer than the API server keeps it');
  const limits = {
    headersMilliseconds: 200,
    requestMilliseconds: 400,
    checkMilliseconds: 50,
    keepAliveMilliseconds: 60_000,
  };
  await using webhook = await startTestWebhook({ limits });
  const agent = trustingAgent({ keepAlive: true, maxSockets: 1 });
  const first = await webhook.post(ENFORCE, JSON.stringify(exampleReview(podOf())), { agent });
  // Node's own timers decide here, so real time must pass: three times the limit of a whole request.
  await delay(1200);
  const second = await webhook.post(ENFORCE, JSON.stringify(exampleReview(podOf())), { agent });
  t.strictSame([first.status, second.status], [200, 200]);
  t.equal(Object.values(agent.freeSockets).flat().length, 1, 'over one connection');
  agent.destroy();
});

t.test('a Pod of more than 3 MiB is decided (T2)', async t => {
  // The API server takes 3 MiB (apiserver: pkg/server/config.go) and adds an envelope; fastify refuses 1 MiB by default.
  await using webhook = await startTestWebhook();
  const annotations = { note: 'x'.repeat(3.5 * 1024 * 1024) };
  const answer = await webhook.post(ENFORCE, JSON.stringify(exampleReview(podOf({}, { annotations }))));
  t.equal(answer.status, 200);
  t.equal(responseOf(answer.text)['allowed'], true);
});

t.test('__proto__ and constructor among the keys neither fail the Pod nor change the webhook (T4)', async t => {
  // fastify answers 400 by default, which under failurePolicy Ignore is a way round the sandbox.
  await using webhook = await startTestWebhook();
  const poisoned = JSON.stringify(exampleReview(podOf())).replace(
    '"containers":',
    '"__proto__":{"runtimeClassName":"gvisor","polluted":1},"nodeSelector":{"__proto__":"x","constructor":"y"},"constructor":{"prototype":{"polluted":1}},"containers":',
  );
  const answer = await webhook.post(ENFORCE, poisoned);
  const response = responseOf(answer.text);
  t.match(patchOf(response), [
    { path: '/spec/runtimeClassName' },
    { path: '/spec/nodeSelector/gvisor-injector~1runsc' },
    { path: '/spec/tolerations' },
  ]);
  t.notOk('polluted' in {}, 'no object was polluted');
});

t.test('fields newer than any library survive: the patch only adds (T14)', async t => {
  // Webhooks that decode to types and encode again delete what they do not know (kube-secrets-init#53, azure-workload-identity#1312).
  await using webhook = await startTestWebhook();
  const pod = podOf({
    initContainers: [{ name: 's', restartPolicy: 'Always', future: { deep: [1] } }],
    futureField: { a: 1 },
  });
  const response = responseOf((await webhook.post(ENFORCE, JSON.stringify(exampleReview(pod)))).text);
  const patched = applyPatch(pod, patchOf(response));
  t.match(patched, pod, 'everything that was there is there');
});

t.test('an existing nodeSelector is extended key by key, not replaced (T15)', async t => {
  // add with a whole map replaces it (apiserver: pkg/admission/plugin/webhook/patch/json_patch_test.go).
  await using webhook = await startTestWebhook();
  const pod = podOf({ nodeSelector: { disktype: 'ssd' }, tolerations: [{ key: 'a', operator: 'Exists' }] });
  const response = responseOf((await webhook.post(ENFORCE, JSON.stringify(exampleReview(pod)))).text);
  t.match(applyPatch(pod, patchOf(response)), {
    spec: {
      nodeSelector: { disktype: 'ssd', 'gvisor-injector/runsc': 'ready' },
      tolerations: [{ key: 'a' }, { key: 'sandbox' }],
    },
  });
});

t.test('the same Pod gets the same warnings and audit annotations at every call (T18)', async t => {
  // The API server keeps the first value of an annotation (apiserver: pkg/admission/attributes.go) and drops equal warnings only.
  await using webhook = await startTestWebhook();
  const pod = podOf({ hostIPC: true });
  const first = responseOf((await webhook.post(ENFORCE, JSON.stringify(exampleReview(pod, { uid: 'one' })))).text);
  const patched = applyPatch(pod, patchOf(first));
  const again = responseOf((await webhook.post(ENFORCE, JSON.stringify(exampleReview(pod, { uid: 'two' })))).text);
  t.strictSame(again['auditAnnotations'], first['auditAnnotations']);
  t.strictSame(again['warnings'], first['warnings']);
  const third = responseOf(
    (await webhook.post(ENFORCE, JSON.stringify(exampleReview(patched, { uid: 'three' })))).text,
  );
  t.strictSame(third['warnings'], first['warnings'], 'also after the patch');
});

t.test('a mirror Pod is left alone only when its own node presents it (T19)', async t => {
  // A changed mirror Pod lies about what runs (kubernetes#105844); anybody can write the annotation.
  await using webhook = await startTestWebhook();
  const pod = podOf({ nodeName: 'n1' }, { annotations: { 'kubernetes.io/config.mirror': 'x' } });
  const node = exampleReview(pod, { username: 'system:node:n1', groups: ['system:nodes'] });
  const other = exampleReview(pod, { username: 'system:node:n2', groups: ['system:nodes'] });
  t.equal(responseOf((await webhook.post(ENFORCE, JSON.stringify(node))).text)['patch'], undefined);
  t.type(responseOf((await webhook.post(ENFORCE, JSON.stringify(other))).text)['patch'], 'string');
});

t.test(
  'an answer echoes uid, apiVersion and kind, and has patch and patchType together or not at all (B16)',
  async t => {
    // apiserver: pkg/admission/plugin/webhook/request/admissionreview.go
    await using webhook = await startTestWebhook();
    for (const path of [ENFORCE, '/mutate/audit/gvisor', '/mutate/pod', `${ENFORCE}/opt-out`]) {
      const answer = await webhook.post(path, JSON.stringify(exampleReview(podOf(), { uid: `uid-of-${path}` })));
      t.match(answer.headers, { 'content-type': /^application\/json/ });
      t.match(parseObject(answer.text), {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid: `uid-of-${path}` },
      });
      const response = responseOf(answer.text);
      t.equal('patch' in response, 'patchType' in response, path);
    }
  },
);

t.test('a denial is HTTP 200 with status 403, Forbidden and a message (B18)', async t => {
  // A denial sent as HTTP 500 loses its message (kubevirt#9578); codes below 400 become 400 (webhook/errors/statuserror.go).
  await using webhook = await startTestWebhook();
  const answer = await webhook.post(
    ENFORCE,
    JSON.stringify(exampleReview(podOf({ hostNetwork: true, hostPID: true }))),
  );
  t.equal(answer.status, 200);
  t.match(responseOf(answer.text), {
    allowed: false,
    status: {
      status: 'Failure',
      code: 403,
      reason: 'Forbidden',
      message: /^Incompatible: gVisor cannot run this Pod: spec\.hostNetwork/,
    },
    warnings: [/^spec\.hostPID/],
  });
});

t.test('every warning is printable and at most 120 characters, whatever the Pod holds (B19)', async t => {
  // A warning with a control character is dropped without a word (apiserver: pkg/endpoints/filters/warning.go).
  await using webhook = await startTestWebhook({
    policyText: fixturePolicies().get('warn')?.text ?? '',
  });
  const containers = Array.from({ length: 60 }, (_, index) => ({
    name: `c${index}`,
    volumeDevices: [{ name: 'd\n\u001b[31m' }],
  }));
  const response = responseOf(
    (await webhook.post(ENFORCE, JSON.stringify(exampleReview(podOf({ containers, nodeName: 'a\nb\u2028' }))))).text,
  );
  const warnings = Array.isArray(response['warnings']) ? response['warnings'].map(String) : [];
  t.equal(warnings.length, 20);
  t.match(warnings.at(-1), /^and \d+ more findings/);
  for (const warning of warnings) t.match(warning, /^[\x20-\x7e…]{1,120}$/);
});

t.test('a Pod that has no name yet is recorded by its generateName (B27)', async t => {
  // The name is made in the store, after mutating webhooks (apiserver: pkg/registry/generic/registry/store.go).
  await using webhook = await startTestWebhook();
  const pod = podOf(
    {},
    {
      name: undefined,
      generateName: 'web-7c5d-',
      ownerReferences: [
        { kind: 'Node', name: 'x' },
        { kind: 'ReplicaSet', name: 'web-7c5d', controller: true },
      ],
    },
  );
  await webhook.post(ENFORCE, JSON.stringify(exampleReview(pod)));
  const record = webhook.lines().at(-1);
  t.match(record, { generateName: 'web-7c5d-', ownerKind: 'ReplicaSet', ownerName: 'web-7c5d' });
  t.notOk(record !== undefined && 'name' in record);
});

t.test('the namespace is the one of the request, whatever the object says (B28)', async t => {
  // Older API servers leave metadata.namespace empty (topolvm#54).
  await using webhook = await startTestWebhook();
  const exempt = await webhook.post(
    ENFORCE,
    JSON.stringify(exampleReview(podOf({}, { namespace: 'team-a' }), { namespace: 'kube-system' })),
  );
  t.equal(responseOf(exempt.text)['patch'], undefined);
  const decided = await webhook.post(
    ENFORCE,
    JSON.stringify(exampleReview(podOf({}, { namespace: 'kube-system' }), { namespace: 'team-a' })),
  );
  t.type(responseOf(decided.text)['patch'], 'string');
  t.equal(webhook.lines().at(-1)?.['namespace'], 'team-a');
});

t.test('a dry run gets the same answer and is marked in the record (B30)', async t => {
  // Only webhooks with sideEffects None see dry runs (kubernetes: pkg/apis/admissionregistration/validation).
  await using webhook = await startTestWebhook();
  const wet = await webhook.post(ENFORCE, JSON.stringify(exampleReview(podOf())));
  const dry = await webhook.post(ENFORCE, JSON.stringify(exampleReview(podOf(), { dryRun: true })));
  t.equal(dry.text, wet.text);
  t.strictSame(
    webhook
      .lines()
      .slice(-2)
      .map(line => line['dryRun']),
    [false, true],
  );
});

t.test('whatever is not for the webhook is found nowhere, with a sentence', async t => {
  await using webhook = await startTestWebhook();
  for (const [path, message] of [
    ['/mutate/enforce/gviser', /no profile "gviser", only gvisor; did you mean "gvisor"\?/],
    ['/mutate/enforce', /there is nothing at \/mutate\/enforce; the paths are/],
    ['/', /there is nothing at \//],
    ['/mutate/enforce/gvisor/', /there is nothing at/],
    ['/metrics', /there is nothing at \/metrics/],
    ['/mutate/%zz', /not a valid URL path/],
  ] as const) {
    const answer = await webhook.post(path, '{}');
    t.match([answer.status, parseObject(answer.text)['message']], [/404|400/, message], path);
  }
});

t.test('probes answer on both ports and are not logged', async t => {
  await using webhook = await startTestWebhook();
  const before = webhook.rawLines.length;
  const agent = trustingAgent({ keepAlive: false });
  for (const path of ['/livez', '/readyz']) {
    const secure = await send({ port: webhook.port, path, agent }, '');
    const plain = await fetch(`http://127.0.0.1:${webhook.metricsPort}${path}`);
    t.strictSame([secure.status, secure.text, plain.status, await plain.text()], [200, 'ok\n', 200, 'ok\n'], path);
  }
  t.equal(webhook.rawLines.length, before);
});
