import { join } from 'node:path';
import t from 'tap';
import type { ClusterObject } from '../../src/kube/objects.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { WITH_KUSTOMIZE } from '../support/kustomize.ts';
import { at, build, buildOverlay, find, MANIFESTS, sorted } from './kustomize-build.ts';
import { renderText, TWO_PROFILES } from './rendering.ts';

/** What the component without-runtimeclass leaves. */
function isKept({ kind, metadata: { name } }: ClusterObject): boolean {
  return kind !== 'RuntimeClass' || name.endsWith('-proof');
}

t.test('kustomize builds the base to the very objects of the rendering', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), []);
  const rendered = renderText(TWO_PROFILES, 'boxes').map(({ object }) => object);
  t.same(sorted(built), sorted(rendered));
  for (const object of rendered) {
    const { name, namespace } = { namespace: undefined, ...object.metadata };
    t.same(find(built, object.kind, name, namespace), object, `${object.kind} ${name}`);
  }
  t.equal((await build(join(MANIFESTS, 'base'))).length, renderText(DEFAULT_POLICY_TEXT).length);
});

t.test('component without-runtimeclass leaves out the RuntimeClasses of profiles alone', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), ['without-runtimeclass']);
  const rendered = renderText(TWO_PROFILES, 'boxes').map(({ object }) => object);
  t.same(sorted(built), sorted(rendered.filter(isKept)));
});

t.test(
  'component hostnetwork takes ports that the node has free, and a rollout that fits on two nodes',
  WITH_KUSTOMIZE,
  async t => {
    const built = await buildOverlay(t.testdir({}), ['hostnetwork']);
    const deployment = find(built, 'Deployment');
    const pod = at(deployment, 'spec', 'template', 'spec');
    const container = at(pod, 'containers', 0);
    t.equal(at(pod, 'hostNetwork'), true);
    t.equal(at(pod, 'dnsPolicy'), 'ClusterFirstWithHostNet');
    t.same(at(container, 'args', 2), '--port=10270');
    t.same(at(container, 'args', 3), '--metrics-port=10271');
    t.same(at(container, 'ports'), [
      { name: 'webhook', containerPort: 10270 },
      { name: 'metrics', containerPort: 10271 },
    ]);
    t.equal(at(deployment, 'spec', 'template', 'metadata', 'annotations', 'prometheus.io/port'), '10271');
    t.same(at(deployment, 'spec', 'strategy', 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
    t.same(at(container, 'securityContext', 'capabilities'), { drop: ['ALL'] });
    for (const mode of ['enforce', 'audit', 'warn']) {
      const level = (name: string) =>
        at(find(built, 'Namespace', name), 'metadata', 'labels', `pod-security.kubernetes.io/${mode}`);
      t.equal(level('boxes'), 'privileged');
      t.equal(level('boxes-proof'), 'restricted', 'no other namespace');
    }
  },
);

t.test('component cert-manager asks for the certificate that the Deployment mounts', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), ['cert-manager']);
  const certificate = find(built, 'Certificate', 'gvisor-injector-serving-certificate');
  const pod = at(find(built, 'Deployment'), 'spec', 'template', 'spec');
  t.equal(at(certificate, 'spec', 'secretName'), at(pod, 'volumes', 1, 'secret', 'secretName'));
  t.same(at(certificate, 'spec', 'dnsNames'), ['gvisor-injector.boxes.svc']);
  for (const name of ['gvisor-injector-serving-certificate', 'gvisor-injector-ca']) {
    t.match(at(find(built, 'Certificate', name), 'spec', 'privateKey'), { algorithm: 'ECDSA', size: 256 }, name);
  }
  for (const object of built) {
    if (String(at(object, 'apiVersion')).startsWith('cert-manager.io/'))
      t.equal(at(object, 'metadata', 'namespace'), 'boxes');
  }
  t.equal(
    at(find(built, 'MutatingWebhookConfiguration'), 'metadata', 'annotations', 'cert-manager.io/inject-ca-from'),
    'boxes/gvisor-injector-serving-certificate',
  );
});

t.test('component fail-closed closes the entries that enforce, and leaves audits open', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), ['fail-closed']);
  const entries = at(find(built, 'MutatingWebhookConfiguration'), 'webhooks');
  const policies = Array.isArray(entries) ? entries.map(entry => [at(entry, 'name'), at(entry, 'failurePolicy')]) : [];
  t.equal(policies.length, 7);
  for (const [name, failurePolicy] of policies) {
    t.equal(failurePolicy, String(name).startsWith('audit.') ? 'Ignore' : 'Fail', String(name));
  }
});

t.test(
  'component protect-labels binds the policy of the base, and asks for what its role gives',
  WITH_KUSTOMIZE,
  async t => {
    const name = 'gvisor-injector-protected-labels';
    t.equal(find(await buildOverlay(t.testdir({}), []), 'ValidatingAdmissionPolicyBinding', name), undefined);
    const built = await buildOverlay(join(t.testdirName, 'with'), ['protect-labels']);
    t.equal(at(find(built, 'ValidatingAdmissionPolicyBinding', name), 'spec', 'policyName'), name);
    const [group, resource, verb] = ['apiGroups', 'resources', 'verbs'].map(field =>
      at(find(built, 'ClusterRole', 'gvisor-injector-release'), 'rules', 0, field, 0),
    );
    const policy = JSON.stringify(find(built, 'ValidatingAdmissionPolicy', name));
    t.ok(policy.includes(`authorizer.group('${String(group)}').resource('${String(resource)}')`));
    t.ok(policy.includes(`.check('${String(verb)}')`));
  },
);

t.test('all components fit together, and the example overlay builds with another image', WITH_KUSTOMIZE, async t => {
  const all = await buildOverlay(t.testdir({}), [
    'cert-manager',
    'fail-closed',
    'hostnetwork',
    'protect-labels',
    'without-runtimeclass',
  ]);
  t.equal(find(all, 'RuntimeClass', 'gvisor'), undefined);
  const example = await build(join(MANIFESTS, 'overlays/example'));
  const image = at(find(example, 'Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'image');
  t.equal(image, 'registry.example/gvisor-injector:0.1.0');
});
