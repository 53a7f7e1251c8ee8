import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { serve } from '../../src/cli/serve.ts';
import { DEFAULT_IMAGE, IMAGE_NAME, serviceDnsName } from '../../src/manifest/names.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { objectsOf, only, podOf, POLICY_HEAD, renderWebhook, TWO_PROFILES } from './rendering.ts';

t.test('the ConfigMap is immutable, and its name and mount follow the digest of the policy', async t => {
  const [one, two] = [DEFAULT_POLICY_TEXT, TWO_PROFILES].map(text => renderWebhook(text));
  t.not(only(one ?? [], 'ConfigMap').metadata.name, only(two ?? [], 'ConfigMap').metadata.name);
  for (const manifests of [one ?? [], two ?? []]) {
    const { metadata, immutable } = only(manifests, 'ConfigMap');
    const { pod } = podOf(only(manifests, 'Deployment'));
    t.equal(immutable, true);
    t.match(metadata.name, /^gvisor-injector-policy-[0-9a-f]{16}$/);
    t.equal(pod.volumes?.find(({ name }) => name === 'policy')?.configMap?.name, metadata.name);
  }
});

t.test('each profile has a RuntimeClass with its scheduling and overhead', async t => {
  t.same(
    objectsOf(renderWebhook(TWO_PROFILES), 'RuntimeClass').map(({ metadata, handler, scheduling, overhead }) => ({
      name: metadata.name,
      handler,
      scheduling,
      overhead,
    })),
    [
      {
        name: 'gvisor',
        handler: 'runsc',
        scheduling: {
          nodeSelector: { 'gvisor-injector/runsc': 'ready' },
          tolerations: [{ key: 'sandbox', operator: 'Equal', value: 'gvisor', effect: 'NoSchedule' }],
        },
        overhead: { podFixed: { memory: '64Mi', cpu: '250m' } },
      },
      { name: 'gvisor-strict', handler: 'runsc-strict', scheduling: undefined, overhead: undefined },
    ],
  );
});

t.test('the Pod has no privilege, no token and no writable file', async t => {
  const { pod, container } = podOf(only(renderWebhook(DEFAULT_POLICY_TEXT), 'Deployment'));
  t.equal(pod.automountServiceAccountToken, false);
  t.equal(pod.enableServiceLinks, false);
  t.same(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    fsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  t.same(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  t.ok(container.volumeMounts?.every(({ readOnly, subPath }) => readOnly === true && subPath === undefined));
  t.same(
    container.volumeMounts?.map(({ name }) => name),
    pod.volumes?.map(({ name }) => name),
  );
  t.same(pod.volumes?.find(({ name }) => name === 'certificate')?.secret, {
    secretName: 'gvisor-injector-serving-certificate',
    defaultMode: 0o440,
  });
  const { metadata } = only(renderWebhook(DEFAULT_POLICY_TEXT), 'Namespace');
  for (const mode of ['enforce', 'audit', 'warn']) {
    t.equal(metadata.labels?.[`pod-security.kubernetes.io/${mode}`], 'restricted');
  }
  t.equal(only(renderWebhook(DEFAULT_POLICY_TEXT), 'ServiceAccount').automountServiceAccountToken, false);
});

t.test('a Pod that is told to go has time to sleep, drain and close', async t => {
  const { pod, container } = podOf(only(renderWebhook(DEFAULT_POLICY_TEXT), 'Deployment'));
  const drain = container.args?.find(argument => argument.startsWith('--drain-seconds='))?.split('=')[1];
  const sleep = container.lifecycle?.preStop?.sleep?.seconds;
  t.ok(Number(drain) + Number(sleep) < Number(pod.terminationGracePeriodSeconds), `${drain} + ${sleep}`);
});

t.test('a rollout never has fewer Pods than replicas, and a drain takes one at a time', async t => {
  const manifests = renderWebhook(DEFAULT_POLICY_TEXT);
  const { spec } = only(manifests, 'Deployment');
  t.equal(spec?.replicas, 2);
  t.same(spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
  t.match(only(manifests, 'PodDisruptionBudget').spec, {
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  });
  t.match(spec?.template.spec?.topologySpreadConstraints, [
    { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy: 'Honor' },
    { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
  ]);
});

t.test('every selector selects the Pods of the Deployment', async t => {
  const manifests = renderWebhook(DEFAULT_POLICY_TEXT);
  const { spec } = only(manifests, 'Deployment');
  const labels = spec?.template.metadata?.labels;
  t.ok(labels);
  t.same(spec?.selector.matchLabels, labels);
  t.same(only(manifests, 'Service').spec?.selector, labels);
  t.same(only(manifests, 'PodDisruptionBudget').spec?.selector?.matchLabels, labels);
  t.same(only(manifests, 'NetworkPolicy').spec?.podSelector?.matchLabels, labels);
});

t.test('ports and probes go by the names of the container ports, and serve knows every flag', async t => {
  const manifests = renderWebhook(DEFAULT_POLICY_TEXT);
  const { container } = podOf(only(manifests, 'Deployment'));
  t.same(container.ports, [
    { name: 'webhook', containerPort: 10250 },
    { name: 'metrics', containerPort: 9090 },
  ]);
  t.same(container.readinessProbe?.httpGet, { path: '/readyz', port: 'webhook', scheme: 'HTTPS' });
  t.same(container.livenessProbe?.httpGet, { path: '/livez', port: 'metrics', scheme: 'HTTP' });
  t.match(only(manifests, 'Service').spec?.ports, [{ port: 443, targetPort: 'webhook' }]);
  t.equal(only(manifests, 'Service').spec?.ports?.length, 1);
  const [script, command, ...flags] = container.args ?? [];
  t.same([script, command], ['/app/main.cjs', 'serve']);
  for (const flag of flags) t.match(serve.help, new RegExp(`  ${flag.split('=')[0]} `), flag);
});

t.test('nothing may leave the webhook, and metrics are for Pods only', async t => {
  const { spec } = only(renderWebhook(DEFAULT_POLICY_TEXT), 'NetworkPolicy');
  t.same(spec?.policyTypes, ['Ingress', 'Egress']);
  t.same(spec?.egress, []);
  t.same(spec?.ingress, [
    { ports: [{ protocol: 'TCP', port: 'webhook' }] },
    { from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port: 'metrics' }] },
  ]);
});

t.test('another namespace is everywhere: in objects, selectors, arguments and the DNS name', async t => {
  const manifests = renderWebhook(DEFAULT_POLICY_TEXT, 'sandboxes');
  for (const { object } of manifests) {
    if ('namespace' in object.metadata) t.equal(object.metadata.namespace, 'sandboxes', object.kind);
  }
  t.equal(only(manifests, 'Namespace').metadata.name, 'sandboxes');
  t.ok(podOf(only(manifests, 'Deployment')).container.args?.includes('--namespace=sandboxes'));
  for (const { clientConfig, namespaceSelector } of only(manifests, 'MutatingWebhookConfiguration').webhooks ?? []) {
    t.equal(clientConfig.service?.namespace, 'sandboxes');
    t.same(namespaceSelector?.matchExpressions?.at(-1), {
      key: 'kubernetes.io/metadata.name',
      operator: 'NotIn',
      values: ['kube-system', 'sandboxes', 'sandboxes-node', 'sandboxes-proof'],
    });
  }
  t.equal(serviceDnsName('sandboxes'), 'gvisor-injector.sandboxes.svc');
});

t.test(
  'entries that enforce are Ignore unless the policy says Fail, and the backstop is there in any case',
  async t => {
    for (const [admission, expected] of [
      ['', 'Ignore'],
      ['admission: { failurePolicy: Ignore }\n', 'Ignore'],
      ['admission: { failurePolicy: Fail }\n', 'Fail'],
    ] as const) {
      const manifests = renderWebhook(`${POLICY_HEAD}${admission}profiles: [{ name: gvisor }]\n`);
      for (const { name, failurePolicy } of only(manifests, 'MutatingWebhookConfiguration').webhooks ?? []) {
        t.equal(failurePolicy, name.startsWith('audit.') ? 'Ignore' : expected, name);
      }
      const bound = objectsOf(manifests, 'ValidatingAdmissionPolicyBinding').map(({ spec }) => spec?.policyName);
      t.ok(bound.includes('gvisor-injector-labelled') && bound.includes('gvisor-injector-annotated'), expected);
    }
  },
);

t.test('the default image has the version of the product', async t => {
  const [name, version] = DEFAULT_IMAGE.split(':');
  t.equal(name, IMAGE_NAME);
  const manifest = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8');
  t.ok(manifest.includes(`"version": "${version}"`), String(version));
});
