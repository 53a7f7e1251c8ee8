import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { ConfigurationChange } from '../../src/node/containerd/configuration.ts';
import { matchesSegment } from '../../src/node/containerd/glob.ts';
import { planConfiguration } from '../../src/node/containerd/plan-configuration.ts';
import { readConfiguration } from '../../src/node/containerd/read-configuration.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { expectChange } from './containerd-configurations.ts';
import { dumpOf, ENTRY, layoutOf } from './containerd-hosts.ts';

type Tree = Exclude<Parameters<Test['testdir']>[0], string | undefined>;

async function read(t: Test, containerd: Tree, recordedPath?: string) {
  const root = t.testdir({ etc: { containerd } });
  return await readConfiguration(openHostFiles(root), layoutOf('containerd.service'), recordedPath);
}

async function refuse(t: Test, etc: Tree, message: RegExp) {
  await t.rejects(read(t, etc), { code: 'NodeRefused', reason: 'ConfigurationInvalid', message });
}

t.test('readConfiguration() reads a root file and what it imports, in the order of loading', async t => {
  const configuration = await read(t, {
    'config.toml': "version = 3\nimports = ['b.toml', '/etc/containerd/conf.d/*.toml', 'b.toml', '*.toml']\n",
    'b.toml': "imports = ['deep/*.toml']\n",
    'conf.d': {
      '2.toml': '',
      '1.toml': "imports = ['../config.toml', '2.toml']",
      'x.conf': 'no [toml',
      '.hidden.toml': '',
    },
    deep: { 'd.toml': "imports = ['d.toml']" },
  });
  t.strictSame(
    configuration.imported.map(({ name, isDirect }) => `${name} ${isDirect}`),
    [
      '/etc/containerd/b.toml true',
      '/etc/containerd/conf.d/.hidden.toml true',
      '/etc/containerd/conf.d/1.toml true',
      '/etc/containerd/conf.d/2.toml true',
      '/etc/containerd/deep/d.toml false',
    ],
  );
  t.match(configuration, {
    rootPath: '/etc/containerd/config.toml',
    hasRootFolder: true,
    templates: [],
    unloaded: undefined,
  });
  t.match(configuration.root, { path: '/etc/containerd/config.toml', text: /^version = 3/ });
});

t.test('readConfiguration() follows links within the host, and reads modes', async t => {
  const root = t.testdir({
    etc: { containerd: t.fixture('symlink', '/srv/containerd') },
    srv: {
      containerd: {
        'config.toml': t.fixture('symlink', 'real.toml'),
        'real.toml': "version = 2\nimports = ['conf.d/*.toml']\n",
        'conf.d': t.fixture('symlink', '../drop-ins'),
      },
      'drop-ins': { 'a.toml': t.fixture('symlink', '/srv/a.toml') },
      'a.toml': '',
    },
  });
  chmodSync(`${root}/srv/containerd/real.toml`, 0o440);
  const configuration = await readConfiguration(openHostFiles(root), layoutOf('containerd.service'));
  t.match(configuration.root, { path: '/srv/containerd/real.toml', attributes: { mode: 0o440 } });
  t.match(configuration.imported, [{ name: '/etc/containerd/conf.d/a.toml', path: '/srv/a.toml' }]);
  t.strictSame(configuration.dropInFolder, { name: '/etc/containerd/conf.d', path: '/srv/drop-ins', exists: true });
});

t.test('readConfiguration() finds a folder for our drop-in only where a pattern would load it', async t => {
  const cases: readonly (readonly [string, Tree, unknown])[] = [
    ['/etc/containerd/conf.d/*.toml', { 'conf.d': {} }, { path: '/etc/containerd/conf.d', exists: true }],
    ['/etc/containerd/conf.d/*.toml', {}, { path: '/etc/containerd/conf.d', exists: false }],
    ['conf.d/*', {}, { path: '/etc/containerd/conf.d', exists: false }],
    ['/etc/containerd/*.toml', {}, { path: '/etc/containerd', exists: true }],
    ['/etc/containerd/conf.d/9*-gvisor*', {}, { path: '/etc/containerd/conf.d' }],
    ['/etc/containerd/conf.d/[0-4]*.toml', { 'conf.d': {} }, undefined],
    ['/etc/containerd/conf.d/*.conf', { 'conf.d': {} }, undefined],
    ['/etc/containerd/*/*.toml', { 'conf.d': {} }, undefined],
    ['/etc/other/conf.d/*.toml', {}, undefined],
    ['/etc/containerd/conf.d/*.toml', { 'conf.d': 'a file' }, undefined],
  ];
  for (const [pattern, tree, expected] of cases) {
    const { dropInFolder } = await read(t, Object.assign({ 'config.toml': `imports = ['${pattern}']` }, tree));
    if (expected === undefined) t.equal(dropInFolder, undefined, pattern);
    else t.match(dropInFolder, expected, pattern);
  }
  const two = await read(t, { 'config.toml': "imports = ['a.d/*.toml', 'b.d/*.toml']", 'b.d': {} });
  t.match(two.dropInFolder, { name: '/etc/containerd/b.d' }, 'one that exists is better');
});

t.test('readConfiguration() knows that there is no root file, or no folder for it', async t => {
  t.match(await read(t, {}), { root: undefined, hasRootFolder: true, imported: [] });
  const files = openHostFiles(t.testdir({ etc: {} }));
  const configuration = await readConfiguration(files, layoutOf('containerd.service'));
  t.match(configuration, { root: undefined, rootPath: '/etc/containerd/config.toml', hasRootFolder: false });
});

t.test('readConfiguration() reads the templates of k3s as the texts that they are', async t => {
  const folder = 'var/lib/rancher/k3s/agent/etc/containerd';
  const root = t.testdir({});
  mkdirSync(`${root}/${folder}`, { recursive: true });
  writeFileSync(`${root}/${folder}/config.toml`, 'version = 2\n');
  writeFileSync(`${root}/${folder}/config.toml.tmpl`, '{{ template "base" . }}\n');
  const configuration = await readConfiguration(openHostFiles(root), layoutOf('k3s.service'));
  t.match(configuration.templates, [{ path: `/${folder}/config.toml.tmpl`, text: '{{ template "base" . }}\n' }]);
});

t.test('a template of k3s gets our lines where k3s looks for it, whatever is a link', async t => {
  const folder = '/var/lib/rancher/k3s/agent/etc/containerd';
  const layout = layoutOf('k3s.service');
  const root = t.testdir({ srv: { 'root.toml': 'version = 3\n' } });
  mkdirSync(`${root}${folder}`, { recursive: true });
  symlinkSync('/srv/root.toml', `${root}${folder}/config.toml`);
  const planned = async (): Promise<ConfigurationChange> => {
    const configuration = await readConfiguration(openHostFiles(root), layout);
    const containerdVersion = '2.2.9-k3s1';
    const dump = dumpOf(configuration, containerdVersion);
    return expectChange(planConfiguration({ layout, containerdVersion, configuration, dump, entries: [ENTRY] }));
  };
  t.match(await planned(), { method: 'template', path: `${folder}/config-v3.toml.tmpl`, before: undefined });
  writeFileSync(`${root}/srv/somebodys.tmpl`, '{{ template "base" . }}\n# of somebody\n');
  symlinkSync('/srv/somebodys.tmpl', `${root}${folder}/config-v3.toml.tmpl`);
  t.match(await planned(), { method: 'template', path: '/srv/somebodys.tmpl', before: /of somebody/ });
});

t.test('readConfiguration() reads the file of the record when containerd does not', async t => {
  const tree = { 'config.toml': "imports = ['a.toml']", 'a.toml': '', 'b.toml': 'not [ toml' };
  t.match((await read(t, tree, '/etc/containerd/b.toml')).unloaded, { text: 'not [ toml' });
  for (const path of [
    '/etc/containerd/a.toml',
    '/etc/containerd/config.toml',
    '/etc/containerd/none.toml',
    undefined,
  ]) {
    t.equal((await read(t, tree, path)).unloaded, undefined, path ?? 'none');
  }
});

t.test('readConfiguration() says where a file is not what it should be', async t => {
  await refuse(t, { 'config.toml': 'version = 2\nroot = "a\n' }, /config\.toml:2:\d+ is no TOML: /);
  await refuse(
    t,
    { 'config.toml': Buffer.from('ab = 1\nb = "\u00fc\xff"\n', 'latin1') },
    /config\.toml:2:6 is no UTF-8/,
  );
  await refuse(t, { 'config.toml': { folder: 'x' } }, /config\.toml is no file/);
  await refuse(t, { 'config.toml': 'imports = "a.toml"' }, /config\.toml has an 'imports' that is no list of texts/);
  await refuse(t, { 'config.toml': 'imports = ["a.toml", 1]' }, /no list of texts/);
  await refuse(
    t,
    { 'config.toml': 'imports = ["a.toml"]' },
    /'imports' name \/etc\/containerd\/a\.toml, which is not there/,
  );
  await refuse(t, { 'config.toml': 'imports = ["*.d/*"]', 'a.d': { folder: {} } }, /a\.d\/folder is no file/);
  await refuse(
    t,
    { 'config.toml': 'imports = ["a.toml"]', 'a.toml': 'x = ' },
    /\/etc\/containerd\/a\.toml:1:5 is no TOML/,
  );
});

t.test('matchesSegment() matches as Go does', t => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['*.toml', 'a.toml', true],
    ['*.toml', '.toml', true],
    ['*', '.hidden', true],
    ['*.toml', 'a.toml.bak', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['?', 'ü', true],
    ['?', '😀', true],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a.c', 'abc', false],
    ['(a|b)+$', '(a|b)+$', true],
    ['[z-a]', 'b', false],
    ['[]a]', 'a', false],
    ['[a', 'a', false],
    ['a\\', 'a', false],
  ];
  for (const [pattern, name, expected] of cases) t.equal(matchesSegment(pattern, name), expected, `${pattern} ${name}`);
  t.end();
});
