import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { type Manifests, readManifests } from '../../src/documents/read-manifests.ts';
import { manifestFiles } from '../../src/manifest/manifest-folder.ts';
import type { Target } from '../../src/policy/admission-path.ts';
import { decide } from '../../src/policy/decide.ts';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { renderWebhook } from './rendering.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const POLICY_FILE = 'policy.yaml';

/** What becomes of each Pod, under the policy beside the examples and, unless it says otherwise, under the default one. */
const EXPECTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'nginx.yaml': { 'Pod nginx': 'NotRequested' },
  'nginx-gvisor.yaml': { 'Pod nginx-gvisor': 'Sandboxed gvisor' },
  'deployment.yaml': { 'Deployment storefront': 'Sandboxed gvisor' },
  'job.yaml': { 'Job untrusted': 'Sandboxed gvisor', 'Job trusted': 'OptedOut gvisor' },
  'ci-runner.yaml': { 'Deployment runner': 'Sandboxed strict' },
};
const NEEDS_POLICY = ['ci-runner.yaml'];

/** The entry that the labels of a namespace in the same file choose. */
function targetOf(manifests: Manifests, namespace: string): Target {
  const found = manifests.objects.find(({ object }) => object.kind === 'Namespace' && object.name === namespace);
  const metadata = found === undefined ? undefined : member(found.object.value, 'metadata');
  const labels = isJsonObject(metadata) ? member(metadata, 'labels') : undefined;
  const profile = isJsonObject(labels) ? member(labels, 'sandbox') : undefined;
  if (!isJsonObject(labels) || typeof profile !== 'string') return { trigger: 'pod' };
  return { trigger: 'enforce', profile, optOut: member(labels, 'sandbox-opt-out') === 'allowed' };
}

async function decideExample(file: string, policy: Policy): Promise<Record<string, string>> {
  const manifests = readManifests(await readFile(join(EXAMPLES, file), 'utf8'), file);
  return Object.fromEntries(
    manifests.pods.map(({ place, pod }) => {
      const target = targetOf(manifests, place.namespace);
      const { reason, profile } = decide({ policy, target, namespace: place.namespace, pod });
      return [`${place.kind} ${place.name}`, profile === undefined ? reason : `${reason} ${profile}`];
    }),
  );
}

async function examplePolicy(): Promise<string> {
  return await readFile(join(EXAMPLES, POLICY_FILE), 'utf8');
}

t.test('each example is decided as its comment says', async t => {
  t.same((await readdir(EXAMPLES)).toSorted(), [...Object.keys(EXPECTED), POLICY_FILE].toSorted());
  const texts = { [POLICY_FILE]: await examplePolicy(), default: DEFAULT_POLICY_TEXT };
  for (const [name, text] of Object.entries(texts)) {
    const { policy } = parsePolicyDocument(text, { file: name, namespace: DEFAULT_NAMESPACE });
    for (const [file, expected] of Object.entries(EXPECTED)) {
      if (name === 'default' && NEEDS_POLICY.includes(file)) continue;
      t.same(await decideExample(file, policy), expected, `${file} under ${name}`);
    }
  }
});

t.test('the example policy renders to two RuntimeClasses', async t => {
  const names = manifestFiles(renderWebhook(await examplePolicy())).map(({ name }) => name);
  t.same(
    names.filter(name => name.startsWith('runtime-class-')),
    ['runtime-class-gvisor.yaml', 'runtime-class-gvisor-strict.yaml'],
  );
});
