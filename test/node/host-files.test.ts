import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { systemErrorCode } from '../../src/errors/user-error.ts';
import type { FileAttributes, HostFiles } from '../../src/node/host/host-files.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { findMount, mountIdOf } from '../../src/node/host/mount-information.ts';
import { replaceFile, temporaryPathOf } from '../../src/node/host/replace-file.ts';
import { sha256Of } from '../../src/node/host/sha256.ts';
import { countCalls, failingCall, stopAt, Stopped, withFaults } from './with-faults.ts';
import { treeOf } from './tree.ts';

const OWN = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const PLAIN: FileAttributes = { mode: 0o644, ...OWN };

t.test('links are followed within the root only', async t => {
  const folder = t.testdir({
    secret: 'outside',
    root: {
      secret: 'inside',
      etc: { config: 'text' },
      absolute: t.fixture('symlink', '/secret'),
      above: t.fixture('symlink', '../../../secret'),
      twice: t.fixture('symlink', 'folder/config'),
      folder: t.fixture('symlink', '/etc'),
      dangling: t.fixture('symlink', 'nowhere/at/all'),
      loop: t.fixture('symlink', 'loop2'),
      loop2: t.fixture('symlink', '/loop'),
    },
  });
  const files = openHostFiles(`${folder}/root`);
  t.equal(String(await files.read('/absolute')), 'inside', 'an absolute link begins at the root');
  t.equal(String(await files.read('/above')), 'inside', 'a link above the root stops at the root');
  t.equal(String(await files.read('/../../secret')), 'inside', 'as does a path');
  t.equal(await files.resolve('/twice'), '/etc/config', 'a link by way of a link');
  t.equal(await files.resolve('/folder/../secret'), '/secret', '`..` after a link is the parent of its target');
  t.equal(await files.resolve('/dangling/x'), '/nowhere/at/all/x', 'parts that do not exist are kept');
  t.equal(await files.resolve('//etc/./config/'), '/etc/config', 'slashes and dots');
  t.equal(await files.resolve('/..'), '/');
  await t.rejects(files.read('/loop'), { code: 'ELOOP' });
  await t.rejects(files.resolve('etc'), TypeError, 'a path is absolute');
  t.match(await files.status('/loop'), { kind: 'link' }, 'a link at the end is not followed for its status');
  t.equal(await files.readLink('/absolute'), '/secret', 'its target is as written');
  t.strictSame(await files.list('/folder'), ['config']);

  await files.createFile('/folder/new', Buffer.from('x'), PLAIN);
  t.equal(readFileSync(`${folder}/root/etc/new`, 'utf8'), 'x', 'a file is made behind a link');
  await files.removeFile('/absolute');
  t.equal(String(await files.read('/secret')), 'inside', 'removing a link leaves its target');
});

t.test('no tree of links leads out of the root', async t => {
  const part = fc.constantFrom('a', 'b', 'c', '..', '.', '');
  const target = fc.tuple(fc.boolean(), fc.array(part, { minLength: 1, maxLength: 5 })).map(([isAbsolute, parts]) => {
    const text = parts.join('/') || '.';
    return isAbsolute ? `/${text}` : text;
  });
  const folder = t.testdir({ outside: { a: { b: { c: 'secret' } } } });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(part, part, target), { maxLength: 6 }), target, async (links, path) => {
      run += 1;
      const root = `${folder}/outside/run-${run}`;
      for (const name of ['a', 'b']) mkdirSync(`${root}/${name}`, { recursive: true });
      for (const [above, name, to] of links) ignoreErrors(() => symlinkSync(to, `${root}/${above}/${name}`));
      const files = openHostFiles(root);
      const resolved = await files.resolve(`/${path}`).catch(error => systemErrorCode(error));
      if (resolved === 'ELOOP' || resolved === undefined) return resolved === 'ELOOP';
      const parts = resolved.split('/').slice(1);
      const places = parts.map((_, index) => `${root}/${parts.slice(0, index + 1).join('/')}`);
      const hasLink = places.some(place => lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink());
      return !parts.includes('..') && !hasLink && (await files.resolve(resolved)) === resolved;
    }),
    { numRuns: 150 },
  );
});

t.test('what is not there, and what is no file', async t => {
  const folder = t.testdir({ file: 'x', folder: {} });
  const files = openHostFiles(folder);
  t.equal(await files.read('/nothing/at/all'), undefined);
  t.equal(await files.read('/file/below'), undefined, 'nothing is below a file');
  t.equal(await files.status('/nothing'), undefined);
  t.strictSame(await files.list('/nothing'), []);
  await t.rejects(files.list('/file'), { code: 'ENOTDIR' });
  await t.rejects(files.read('/folder'), { code: 'EISDIR' });
  await t.rejects(collect(files.stream('/nothing')), { code: 'ENOENT' });
  t.equal(String(await collect(files.stream('/file'))), 'x');
  execFileSync('mkfifo', [`${folder}/pipe`]);
  await t.rejects(files.read('/pipe'), { code: 'EINVAL' }, 'a FIFO stops nobody');
  t.match(await files.status('/pipe'), { kind: 'other' });
  await files.removeFile('/nothing');
  await files.removeFolder('/nothing');
  await t.rejects(files.removeFolder('/file'), { code: 'ENOTDIR' });
  await t.rejects(
    openHostFiles(`${folder}/missing`).read('/x'),
    { code: 'FileUnreadable' },
    'a root that is not there',
  );
});

t.test('modes are exact, whatever the umask', async t => {
  const folder = t.testdir({ target: {}, file: '', linked: t.fixture('symlink', 'target') });
  const files = openHostFiles(folder);
  const former = process.umask(0o077);
  t.teardown(() => process.umask(former));
  t.equal(await files.makeFolder('/made', 0o755), true);
  t.equal(await files.makeFolder('/made', 0o700), false, 'a folder that is there is left as it is');
  t.equal(await files.makeFolder('/linked', 0o700), false, 'as is a link to one');
  await t.rejects(files.makeFolder('/file', 0o755), { code: 'EEXIST' });
  await t.rejects(files.makeFolder('/nothing/below', 0o755), { code: 'ENOENT' });
  t.match(await files.status('/made'), { kind: 'folder', mode: 0o755, ...OWN });
  for (const mode of [0o644, 0o755, 0o600, 0o444, 0o777, 0o4711]) {
    const path = `/file-${mode.toString(8)}`;
    await files.createFile(path, Buffer.from('12345'), { ...PLAIN, mode });
    t.match(await files.status(path), { kind: 'file', mode, size: 5, ...OWN });
  }
  await files.setAttributes('/file-600', { ...PLAIN, mode: 0o640 });
  t.match(await files.status('/file-600'), { mode: 0o640 });
  await t.rejects(files.setAttributes('/linked', PLAIN), { code: 'ELOOP' });
});

t.test('a file is made anew, or not at all', async t => {
  const folder = t.testdir({ there: 'old', dangling: t.fixture('symlink', 'elsewhere') });
  const files = openHostFiles(folder);
  const before = treeOf(folder);
  await t.rejects(files.createFile('/there', Buffer.from('new'), PLAIN), { code: 'EEXIST' });
  await t.rejects(files.createFile('/dangling', Buffer.from('new'), PLAIN), { code: 'EEXIST' });
  await t.rejects(files.createFile('/half', failsAfter('begun'), PLAIN), /broken/, 'a source that breaks');
  t.strictSame(treeOf(folder), before);
  await files.createFile('/pieces', pieces('a', 'b', 'c'), PLAIN);
  t.equal(readFileSync(`${folder}/pieces`, 'utf8'), 'abc');
});

t.test('replaceFile() keeps a link and replaces what it points to', async t => {
  const folder = t.testdir({ etc: { real: 'old' }, linked: t.fixture('symlink', '/etc/real') });
  const files = openHostFiles(folder);
  await replaceFile(files, '/linked', 'new', { ...PLAIN, mode: 0o600 });
  t.match(await files.status('/linked'), { kind: 'link' });
  t.equal(readFileSync(`${folder}/etc/real`, 'utf8'), 'new');
  t.match(await files.status('/etc/real'), { mode: 0o600 });
  t.strictSame(await files.list('/etc'), ['real']);
  t.notMatch(
    basename(temporaryPathOf('/etc/config.toml')),
    /\.toml$/,
    'no glob of containerd takes the temporary file',
  );
});

t.test('replaceFile() leaves the old file or the new one, whichever call fails', async t => {
  const calls = countCalls();
  const trial = t.testdir({ config: 'old' });
  await replaceFile(withFaults(openHostFiles(trial), calls.onMutation), '/config', 'new', PLAIN);
  t.strictSame(calls.calls, ['createFile /.config.gvisor-injector', 'rename /.config.gvisor-injector', 'syncFolder /']);

  for (const code of ['ENOSPC', 'EROFS', 'EIO', 'EACCES']) {
    for (const number of calls.calls.keys()) {
      const folder = freshConfig();
      const files = withFaults(openHostFiles(folder), failingCall(code, number + 1, { always: false }));
      await t.rejects(replaceFile(files, '/config', 'new', PLAIN), { code });
      t.ok(['old', 'new'].includes(readFileSync(`${folder}/config`, 'utf8')));
      t.strictSame(await openHostFiles(folder).list('/'), ['config'], 'nothing else is left');
    }
  }
});

t.test('replaceFile() takes up what an interrupted run left', async t => {
  for (const number of [1, 2, 3, 4]) {
    const folder = freshConfig();
    const run = async (files: HostFiles): Promise<void> => await replaceFile(files, '/config', 'new', PLAIN);
    await run(withFaults(openHostFiles(folder), stopAt(number))).catch(error => t.type(error, Stopped));
    t.ok(['old', 'new'].includes(readFileSync(`${folder}/config`, 'utf8')));
    await run(openHostFiles(folder));
    t.strictSame(
      treeOf(folder).map(line => line.split(' ').slice(0, 2).join(' ')),
      ['file 644'],
    );
    t.equal(readFileSync(`${folder}/config`, 'utf8'), 'new');
  }
});

t.test('a file system is the one of the mount that holds the path', async t => {
  const text = [
    '22 27 0:21 / / rw,relatime - ext4 /dev/a rw',
    '23 22 0:22 / /ro ro,relatime shared:1 master:2 - ext4 /dev/b rw',
    '24 22 0:23 / /broken rw,noexec - ext4 /dev/c ro,errors=remount-ro',
  ].join('\n');
  t.strictSame(findMount(text, '22'), { readOnly: false, noExecution: false });
  t.strictSame(findMount(text, '23'), { readOnly: true, noExecution: false }, 'with optional fields');
  t.strictSame(findMount(text, '24'), { readOnly: true, noExecution: true }, 'read-only as a whole');
  t.equal(findMount(text, '2'), undefined);
  t.equal(mountIdOf('pos:\t0\nflags:\t02\nmnt_id:\t23\nino:\t5\n'), '23');

  const folder = t.testdir({});
  const facts = await openHostFiles(folder).fileSystem('/not/there/yet');
  t.ok(facts.freeBytes > 0, 'of the nearest folder that exists');
  t.match(facts, { readOnly: false, noExecution: false });
  t.equal(
    await openHostFiles('/')
      .fileSystem('/proc/sys')
      .then(found => found.freeBytes),
    0,
  );
});

t.test('writable() says whether files can be made in a folder', async t => {
  const folder = t.testdir({ open: {}, closed: {} });
  chmodSync(`${folder}/closed`, 0o555);
  const files = openHostFiles(folder);
  t.equal(await files.writable('/open'), true);
  t.equal(await files.writable('/nothing'), false);
  t.equal(await files.writable('/closed'), OWN.uid === 0, 'root may, by its capability');
});

t.test('sha256Of() is what sha256sum prints', t => {
  t.equal(sha256Of('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  t.equal(sha256Of(Buffer.from('abc')), sha256Of('abc'));
  t.end();
});

function freshConfig(): string {
  const folder = t.testdir({ config: '' });
  writeFileSync(`${folder}/config`, 'old', { mode: 0o644 });
  return folder;
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

async function* pieces(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function* failsAfter(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
  throw new Error('broken');
}

function ignoreErrors(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
