import { join } from 'node:path';
import t from 'tap';
import { RELEASES_FOLDER } from '../../src/node/host/host.ts';
import { rancherLayout } from '../../src/node/layout/exec-start.ts';
import type { JsonObject } from '../../src/policy/json.ts';
import { WITH_KUSTOMIZE } from '../support/kustomize.ts';
import { at, build, buildOverlay, find, MANIFESTS } from './kustomize-build.ts';

/** The Pod spec of the node agent, and its container. */
function podOf(objects: readonly JsonObject[]) {
  const pod = at(find(objects, 'DaemonSet'), 'spec', 'template', 'spec');
  return { pod, container: at(pod, 'containers', 0) };
}

function expressionsOf(pod: unknown): unknown {
  const path = ['affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms', 0];
  return at(pod, ...path, 'matchExpressions');
}

const LINUX = { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] };
const MIRROR = `
configMapGenerator:
  - name: gvisor-injector-mirror
    options:
      disableNameSuffixHash: true
      annotations:
        config.kubernetes.io/local-config: "true"
    literals:
      - base=https://mirror.example/gvisor?a=b
      - release=20260914.0
      - sha512=00aa
`;

t.test('component all-linux-nodes asks for no label, and tells the agent so', WITH_KUSTOMIZE, async t => {
  const { pod, container } = podOf(await buildOverlay(t.testdir({}), ['all-linux-nodes']));
  t.same(expressionsOf(pod), [LINUX, { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64', 'arm64'] }]);
  t.match(String(at(container, 'args')), /,--unlabelled=install$/);
});

for (const name of ['k3s', 'rke2'] as const) {
  t.test(`component ${name} mounts what its layout needs, each at its own path`, WITH_KUSTOMIZE, async t => {
    const { pod, container } = podOf(await buildOverlay(t.testdir({}), [name]));
    const layout = rancherLayout(name, { unit: `${name}.service`, command: [`/usr/bin/${name}`], environment: [] });
    if ('reason' in layout) throw new RangeError(layout.sentence);
    const volumes = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(index => ({
      path: String(at(pod, 'volumes', index, 'hostPath', 'path')),
      place: String(at(container, 'volumeMounts', index, 'mountPath')),
      writable: at(container, 'volumeMounts', index, 'readOnly') !== true,
      names: [at(pod, 'volumes', index, 'name'), at(container, 'volumeMounts', index, 'name')],
    }));
    for (const { path, place, names } of volumes) {
      t.equal(place, join('/host', path), path);
      t.equal(names[0], names[1], path);
    }
    const mountOf = (file: string) => volumes.find(({ path }) => file.startsWith(`${path}/`));
    t.equal(mountOf(layout.configuration)?.writable, true);
    t.equal(mountOf(join(layout.configuration, '../../kubelet.conf.d/x'))?.writable, true);
    t.equal(mountOf(layout.socket)?.writable, false);
    t.equal(mountOf(RELEASES_FOLDER)?.writable, true);
    t.equal(mountOf('/etc/containerd/config.toml'), undefined);
  });
}

t.test('component mirror passes what the overlay says, on one architecture', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), ['all-linux-nodes', 'mirror'], [MIRROR]);
  const { pod, container } = podOf(built);
  t.same(expressionsOf(pod), [LINUX, { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }]);
  t.match(
    String(at(container, 'args')),
    /,--payload=\$\(MIRROR_BASE\),--release=\$\(MIRROR_RELEASE\),--sha512=\$\(MIRROR_SHA512\)$/,
  );
  const variables = [3, 4, 5].map(index => [at(container, 'env', index, 'name'), at(container, 'env', index, 'value')]);
  t.same(variables, [
    ['MIRROR_BASE', 'https://mirror.example/gvisor?a=b'],
    ['MIRROR_RELEASE', '20260914.0'],
    ['MIRROR_SHA512', '00aa'],
  ]);
  t.equal(find(built, 'ConfigMap', 'gvisor-injector-mirror'), undefined, 'the ConfigMap is not applied');
});

t.test('component any-proof-image leaves out that one comparison', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), ['any-proof-image']);
  const kind = 'ValidatingAdmissionPolicyBinding';
  t.equal(find(built, kind, 'gvisor-injector-agent-image'), undefined);
  for (const name of ['nodes', 'pods', 'events']) t.ok(find(built, kind, `gvisor-injector-agent-${name}`), name);
});

t.test('components of the webhook leave the node agent as it is', WITH_KUSTOMIZE, async t => {
  const plain = await buildOverlay(t.testdir({}), []);
  const built = await buildOverlay(join(t.testdirName, 'with'), [
    'hostnetwork',
    'without-runtimeclass',
    'cert-manager',
  ]);
  for (const name of ['gvisor-proof', 'gvisor-strict-proof']) t.ok(find(built, 'RuntimeClass', name), name);
  t.same(find(built, 'DaemonSet'), find(plain, 'DaemonSet'));
  for (const name of ['boxes-node', 'boxes-proof'])
    t.same(find(built, 'Namespace', name), find(plain, 'Namespace', name));
});

t.test('both overlays name both images, and the one for all nodes asks for no label', WITH_KUSTOMIZE, async t => {
  for (const overlay of ['example', 'all-linux-nodes']) {
    const built = await build(join(MANIFESTS, 'overlays', overlay));
    const { pod, container } = podOf(built);
    t.equal(at(container, 'image'), 'registry.example/gvisor-injector-node:0.1.0', overlay);
    t.match(JSON.stringify(find(built, 'Deployment')), 'registry.example/gvisor-injector:0.1.0', overlay);
    t.equal(JSON.stringify(expressionsOf(pod)).includes('gvisor-injector/install'), overlay === 'example', overlay);
  }
});
