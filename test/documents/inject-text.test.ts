import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { type Ask, injectText } from '../../src/documents/inject-text.ts';
import { joinTexts } from '../../src/documents/join-texts.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { decide } from '../../src/policy/decide.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/documents/inject');
const EXPECTED = /\.expected(?=\.(yaml|json)$)/;

const { policy } = parsePolicyDocument(DEFAULT_POLICY_TEXT, { file: 'default', namespace: 'gvisor-injector' });
const ask: Ask = (pod, { namespace }) =>
  decide({ policy, pod, namespace, target: { trigger: 'enforce', profile: 'gvisor', optOut: false } });

t.test('injectText() writes what the fixture folder expects, and no byte more the second time', async t => {
  const names = (await readdir(FOLDER)).toSorted();
  const cases = names.filter(name => !EXPECTED.test(name));
  for (const name of cases) {
    const expectedName = name.replace(/\.(yaml|json)$/, '.expected.$1');
    const { output } = injectText(await readFile(join(FOLDER, name), 'utf8'), { file: name, ask });
    if (process.env['UPDATE_FIXTURES'] === '1') await writeFile(join(FOLDER, expectedName), output);
    t.equal(output, await readFile(join(FOLDER, expectedName), 'utf8'), name);
    t.equal(injectText(output, { file: name, ask }).output, output, `${name} again`);
  }
  t.strictSame(
    names.filter(name => EXPECTED.test(name) && !cases.includes(name.replace(EXPECTED, ''))),
    [],
    'every expected file belongs to a case',
  );
});

t.test('joinTexts() adds a separator only where one is needed', t => {
  const cases: readonly (readonly [texts: readonly string[], joined: string])[] = [
    [[], ''],
    [['\ufeffa: 1'], '\ufeffa: 1'],
    [['a: 1\n', 'b: 2\n'], 'a: 1\n---\nb: 2\n'],
    [['a: 1', 'b: 2'], 'a: 1\n---\nb: 2'],
    [['a: 1\r\n', 'b: 2\n'], 'a: 1\r\n---\r\nb: 2\n'],
    [['a: 1\n', '# b\n--- # b\nb: 2\n'], 'a: 1\n# b\n--- # b\nb: 2\n'],
    [['a: 1\n', '---b: 2\n'], 'a: 1\n---\n---b: 2\n'],
    [['a: 1\n', '%YAML 1.1\n---\nb: 2\n'], 'a: 1\n...\n%YAML 1.1\n---\nb: 2\n'],
    [['a: 1\n', '', '# nothing\n', '\ufeffb: 2\n'], 'a: 1\n# nothing\n---\nb: 2\n'],
    [['\ufeff{"a": 1}', '{"b": 2}\n'], '\ufeff---\n{"a": 1}\n---\n{"b": 2}\n'],
  ];
  for (const [texts, joined] of cases) t.equal(joinTexts(texts), joined);
  t.end();
});
