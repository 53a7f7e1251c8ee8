import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import t from 'tap';
import { parse } from 'yaml';
import { manifestFiles } from '../../src/manifest/manifest-folder.ts';
import { printManifest } from '../../src/manifest/print-manifest.ts';
import { writeFolder } from '../../src/manifest/write-folder.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { POLICY_HEAD, renderText, TWO_PROFILES } from './rendering.ts';

const BASE = join(import.meta.dirname, '../../manifests/base');

t.test('manifests/base is the rendering of the default policy', async t => {
  const files = manifestFiles(renderText(DEFAULT_POLICY_TEXT));
  if (process.env['UPDATE_FIXTURES'] === '1') await writeFolder(BASE, files);
  t.same((await readdir(BASE)).toSorted(), files.map(({ name }) => name).toSorted());
  for (const { name, text } of files) t.equal(await readFile(join(BASE, name), 'utf8'), text, name);
});

t.test('every printed manifest is the object itself for parsers of YAML 1.1 and 1.2, comments aside', async t => {
  for (const manifest of renderText(TWO_PROFILES)) {
    const text = printManifest(manifest);
    t.same(parse(text, { version: '1.1' }), manifest.object, manifest.file);
    t.same(parse(text), manifest.object, manifest.file);
    t.notMatch(text, /[&*]a1/, 'no anchors');
  }
});

t.test('names that YAML 1.1 takes for something else stay strings', async t => {
  const profiles = ['on', 'y', '0123', '1e3', 'null'].map(name => `  - { name: "${name}" }\n`).join('');
  for (const manifest of renderText(`${POLICY_HEAD}sandboxKey: "off"\nprofiles:\n${profiles}`)) {
    t.same(parse(printManifest(manifest), { version: '1.1' }), manifest.object, manifest.file);
  }
});

t.test('the ConfigMap holds the policy byte for byte, whatever bytes a comment in it has', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '\n', '\r\n', '\n\n  ', ' '), (text, end) => {
      const comment = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
      const policyText = `${DEFAULT_POLICY_TEXT}# ${comment}${end}`;
      const configMap = renderText(policyText).find(({ object }) => object.kind === 'ConfigMap');
      if (configMap === undefined) return false;
      return JSON.stringify(parse(printManifest(configMap))) === JSON.stringify(configMap.object);
    }),
  );
  t.pass();
});

t.test('writeFolder() touches only what changed and removes only what a rendering left', async t => {
  const folder = t.testdir({ 'own.yaml': 'mine: true\n' });
  const two = manifestFiles(renderText(TWO_PROFILES));
  const one = manifestFiles(renderText(DEFAULT_POLICY_TEXT));
  t.same(await writeFolder(folder, two), { written: two.map(({ name }) => name), unchanged: [], removed: [] });
  t.same((await writeFolder(folder, two)).written, []);
  const { written, removed } = await writeFolder(folder, one);
  t.same(removed, ['runtime-class-gvisor-strict-proof.yaml', 'runtime-class-gvisor-strict.yaml']);
  t.notOk(written.includes('service.yaml'));
  t.same((await readdir(folder)).toSorted(), [...one.map(({ name }) => name), 'own.yaml'].toSorted());
});

t.test('writeFolder() overwrites no file that it did not make, and then changes nothing', async t => {
  const folder = t.testdir({});
  await writeFile(join(folder, 'service.yaml'), 'kind: Service\n');
  await t.rejects(writeFolder(folder, manifestFiles(renderText(DEFAULT_POLICY_TEXT))), {
    code: 'WriteFailed',
    details: [join(folder, 'service.yaml')],
  });
  t.same(await readdir(folder), ['service.yaml']);
});

t.test('writeFolder() takes a link or a folder at one of its names for foreign, and then changes nothing', async t => {
  const files = manifestFiles(renderText(DEFAULT_POLICY_TEXT));
  const [deployment] = files.filter(({ name }) => name === 'deployment.yaml');
  const folder = t.testdir({
    // Even where the link leads to a rendering: what it leads to may be somebody's.
    mine: deployment?.text ?? '',
    'deployment.yaml': t.fixture('symlink', 'mine'),
    'network-policy.yaml': t.fixture('symlink', 'nowhere'),
    'service.yaml': {},
  });
  await t.rejects(writeFolder(folder, files), {
    code: 'WriteFailed',
    details: ['service.yaml', 'deployment.yaml', 'network-policy.yaml'].map(name => join(folder, name)),
  });
  t.same(await readdir(folder), ['deployment.yaml', 'mine', 'network-policy.yaml', 'service.yaml']);
  t.ok((await lstat(join(folder, 'deployment.yaml'))).isSymbolicLink());
});

t.test('a note that leads nowhere is a mistake of the programmer', async t => {
  const [manifest] = renderText(DEFAULT_POLICY_TEXT);
  if (manifest === undefined) throw new RangeError('there must be a manifest');
  t.throws(() => printManifest({ ...manifest, notes: [{ path: ['spec', 'none'], text: 'x' }] }), RangeError);
});
