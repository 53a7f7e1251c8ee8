import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { manifestFiles } from '../../src/manifest/manifest-folder.ts';
import { writeFolder } from '../../src/manifest/write-folder.ts';
import { isJsonObject, type JsonObject, member } from '../../src/policy/json.ts';
import { KUSTOMIZE, WITH_KUSTOMIZE } from '../support/kustomize.ts';
import { renderText, TWO_PROFILES } from './rendering.ts';

const MANIFESTS = join(import.meta.dirname, '../../manifests');

async function build(folder: string): Promise<readonly JsonObject[]> {
  const { stdout } = await promisify(execFile)(KUSTOMIZE ?? '', ['build', folder], { maxBuffer: 1 << 24 });
  return parseAllDocuments(stdout, { version: '1.1' }).map((document): JsonObject => {
    const object: unknown = document.toJS();
    if (!isJsonObject(object)) throw new TypeError('a document of kustomize must be an object');
    return object;
  });
}

/** An overlay with components over the rendering of two profiles in another namespace. */
async function buildOverlay(folder: string, components: readonly string[]): Promise<readonly JsonObject[]> {
  await cp(join(MANIFESTS, 'components'), join(folder, 'components'), { recursive: true });
  await writeFolder(join(folder, 'base'), manifestFiles(renderText(TWO_PROFILES, 'boxes')));
  await mkdir(join(folder, 'overlay'));
  const lines = ['resources:', '  - ../base', 'components:', ...components.map(name => `  - ../components/${name}`)];
  await writeFile(join(folder, 'overlay/kustomization.yaml'), `${lines.join('\n')}\n`);
  return await build(join(folder, 'overlay'));
}

function at(object: unknown, ...path: readonly (string | number)[]): unknown {
  let value = object;
  for (const key of path) {
    value = isJsonObject(value) ? member(value, String(key)) : Array.isArray(value) ? value[Number(key)] : undefined;
  }
  return value;
}

function find(objects: readonly JsonObject[], kind: string, name?: string): JsonObject | undefined {
  return objects.find(
    object => member(object, 'kind') === kind && (name === undefined || at(object, 'metadata', 'name') === name),
  );
}

function sorted(objects: readonly unknown[]): readonly string[] {
  return objects.map(object => `${String(at(object, 'kind'))} ${String(at(object, 'metadata', 'name'))}`).toSorted();
}

t.test('kustomize builds the base to the very objects of the rendering', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), []);
  const rendered = renderText(TWO_PROFILES, 'boxes').map(({ object }) => object);
  t.same(sorted(built), sorted(rendered));
  for (const object of rendered) t.same(find(built, object.kind, object.metadata.name), object, object.kind);
  t.equal((await build(join(MANIFESTS, 'base'))).length, 10);
});

t.test('component without-runtimeclass leaves out every RuntimeClass and nothing else', WITH_KUSTOMIZE, async t => {
  const built = await buildOverlay(t.testdir({}), ['without-runtimeclass']);
  const rendered = renderText(TWO_PROFILES, 'boxes').map(({ object }) => object);
  t.same(sorted(built), sorted(rendered.filter(({ kind }) => kind !== 'RuntimeClass')));
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
      t.equal(at(find(built, 'Namespace'), 'metadata', 'labels', `pod-security.kubernetes.io/${mode}`), 'privileged');
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

t.test('all components fit together, and the example overlay builds with another image', WITH_KUSTOMIZE, async t => {
  const all = await buildOverlay(t.testdir({}), ['cert-manager', 'hostnetwork', 'without-runtimeclass']);
  t.equal(find(all, 'RuntimeClass'), undefined);
  const example = await build(join(MANIFESTS, 'overlays/example'));
  const image = at(find(example, 'Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'image');
  t.equal(image, 'registry.example/gvisor-injector:0.1.0');
});
