import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { stringify } from 'smol-toml';
import { withImports } from '../../src/node/containerd/imports.ts';
import { isUnion, parseToml } from '../../src/node/containerd/toml.ts';
import type { JsonObject } from '../../src/policy/json.ts';
import {
  type Case,
  changedBy,
  planChange,
  plan,
  recordOf,
  remove,
  ROOT,
  expectChange,
} from './containerd-configurations.ts';
import { NEXT_ENTRY } from './containerd-hosts.ts';

/** What somebody may have written into a file of containerd, as text that is TOML wherever it stands after a table. */
const piece = fc.oneof(
  fc.constantFrom(
    '',
    '# a comment',
    '  # an indented comment with "quotes" and [brackets]',
    '[grpc]\n  address = "/run/containerd/containerd.sock" # the default',
    '[plugins."io.containerd.gc.v1.scheduler"]\n\tpause_threshold = 0.02',
    "[plugins.'io.containerd.internal.v1.opt']\npath = '''\n/opt/\n# BEGIN of a text\n'''",
    '[timeouts]\n"io.containerd.timeout.task.state" = "2s"\nbig = 9223372036854775807\nsince = 1979-05-27T07:32:00Z',
    '[debug]\nlevel = "ünïcödé \\u00e9"',
    '[stream_processors."io.containerd.ocicrypt"]\nargs = [\n  "--keys", # which\n  "/etc/]keys",\n]',
    '[proxy_plugins.__proto__]\ntype = "snapshot"',
  ),
  fc
    .dictionary(
      fc.string(),
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 2 })),
      {
        minKeys: 1,
        maxKeys: 3,
      },
    )
    .map(table => stringify({ plugins: { 'io.containerd.example.v1.noise': table } }).trimEnd()),
);
const handlers = (section: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    '',
    `[plugins."${section}"]\nenable_selinux = false`,
    `[plugins."${section}".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"`,
    `[plugins."${section}".containerd]\n[plugins."${section}".containerd.runtimes]\n[plugins."${section}".containerd.runtimes.kata]\nruntime_type = "io.containerd.kata.v2"`,
  );

/** Line breaks of one kind, or of both in turn; with one at the end or not. */
const lineBreaks = fc.constantFrom('lf', 'crlf', 'mixed');
const endings = fc.constantFrom('', '\n', '\n\n');

function withLineBreaks(text: string, style: string): string {
  let count = 0;
  return text.replaceAll('\n', () => (style === 'crlf' || (style === 'mixed' && count++ % 2 === 0) ? '\r\n' : '\n'));
}

/** A root file with noise around it; each piece of noise at most once, as a table may not be said twice. */
const cases: fc.Arbitrary<Case> = fc
  .constantFrom(
    { containerdVersion: '1.7.24~ds1', version: 2, section: 'io.containerd.grpc.v1.cri' },
    { containerdVersion: '2.1.9', version: 3, section: 'io.containerd.cri.v1.runtime' },
    { containerdVersion: '2.4.2', version: 2, section: 'io.containerd.grpc.v1.cri' },
    { containerdVersion: '2.4.2', version: 4, section: 'io.containerd.cri.v1.runtime' },
  )
  .chain(({ containerdVersion, version, section }) =>
    fc
      .tuple(
        fc.uniqueArray(piece, { maxLength: 4, selector: text => text.slice(0, 12) }),
        handlers(section),
        lineBreaks,
        endings,
      )
      .map(([pieces, handler, style, ending]) => ({
        containerdVersion,
        root: withLineBreaks(
          [`version = ${version}`, ...pieces.slice(0, 2), handler, ...pieces.slice(2)].join('\n') + ending,
          style,
        ),
      })),
  );

function treeOf(text: string | undefined): JsonObject {
  const result = parseToml(text ?? '');
  if ('fault' in result) throw new Error(result.fault.what);
  return result.tree;
}

t.test('planConfiguration() adds our tables, and planRemoval() gives the same bytes', t => {
  fc.assert(
    fc.property(cases, found => {
      const change = planChange(found);
      assert.ok(change.after?.startsWith(found.root ?? ''), 'nothing before it changes');
      const added = change.after?.slice(found.root?.length ?? 0) ?? '';
      assert.ok(isUnion(treeOf(change.after), treeOf(found.root), treeOf(added)));
      const after = changedBy(found, change);
      assert.equal(plan(after), undefined, 'a second plan changes nothing');
      const removal = expectChange(remove(after, recordOf(change)));
      assert.equal(removal.after, found.root);
      const removed = changedBy(after, removal);
      assert.equal(remove(removed, recordOf(change)), undefined, 'a second removal changes nothing');
    }),
    { numRuns: 200 },
  );
  t.pass();
  t.end();
});

t.test('an upgrade touches our bytes only, and its removal still gives the first ones', t => {
  fc.assert(
    fc.property(cases, found => {
      const first = planChange(found);
      const upgrade = planChange(changedBy(found, first), [NEXT_ENTRY]);
      assert.deepEqual(upgrade.removed, []);
      assert.equal(upgrade.after, planChange(found, [NEXT_ENTRY]).after, 'as if it had been the first');
      const removal = remove(changedBy(found, upgrade), { ...recordOf(upgrade), created: false });
      assert.equal(expectChange(removal).after, found.root);
    }),
    { numRuns: 100 },
  );
  t.pass();
  t.end();
});

t.test('what others write before or after our lines survives upgrade and removal', t => {
  fc.assert(
    fc.property(cases, piece, lineBreaks, fc.boolean(), (found, text, style, isBefore) => {
      const added = withLineBreaks(`[metrics]\nmarker = 1\n${text.startsWith('[') ? text : '# others'}\n`, style);
      // In front of everything a table would swallow the version, so only a comment can go there.
      const edit = (content: string | undefined): string => (isBefore ? `# others\n${content}` : `${content}${added}`);
      const change = planChange(found);
      const edited = changedBy(found, { path: ROOT, after: edit(change.after) });
      const expected = edit(found.root);
      if (!isBefore && 'fault' in parseToml(edited.root ?? '')) return; // The same table twice.
      const removal = expectChange(remove(edited, recordOf(change)));
      const isOwnLineBreak = !isBefore && found.root !== '' && !found.root?.endsWith('\n');
      if (isOwnLineBreak)
        assert.equal(removal.after?.replace(/\r?\n\[metrics\]/, '[metrics]'), expected, 'on a line of its own');
      else assert.equal(removal.after, expected);
      const upgrade = planChange(edited, [NEXT_ENTRY]);
      assert.equal(expectChange(remove(changedBy(edited, upgrade), recordOf(upgrade))).after, removal.after);
    }),
    { numRuns: 150 },
  );
  t.pass();
  t.end();
});

t.test('withImports() changes the imports of a text and no other byte', t => {
  const path = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constant('/a"b\\c\u007f\n\u0000'));
  const paths = fc.array(path, { maxLength: 3 });
  const places = fc.constantFrom(
    ['', 'version = 2\n'],
    ['version = 2\n# imports = [\n', 'oom_score = 1\n[grpc]\nimports = ["of a table"]\n'],
    ['text = """\nimports = ["in a text"]\n"""\n', ''],
    ['version = 3\n', '[plugins]\n'],
  );
  const written = fc.constantFrom(
    'imports = []',
    'imports=["/a]b", \'c\' ] # one',
    '  "imports" = [\n  "/etc/*.toml", # [all] of them\n]',
    "'imports'\t=\t[ '/x' ]",
  );
  fc.assert(
    fc.property(places, written, paths, lineBreaks, ([before = '', after = ''], assignment, imports, style) => {
      const text = withLineBreaks(`${before}${assignment}\n${after}`, style);
      const changed = withImports(text, imports);
      assert.deepEqual(treeOf(changed)['imports'], imports);
      assert.ok(isUnion(treeOf(changed), { ...treeOf(text), imports }));
      assert.ok(changed?.startsWith(withLineBreaks(before, style)));
      const without = `${before}${after}`;
      assert.equal(withImports(without, []), without);
    }),
    { numRuns: 150 },
  );
  t.pass();
  t.end();
});

t.test('isUnion() sees what is missing, other or too much', t => {
  const tree = { a: 1, b: { c: [1, 'x'], d: true } };
  t.equal(isUnion(tree, { a: 1, b: { c: [1, 'x'] } }, { b: { d: true } }), true);
  const others = [
    { a: 1 },
    { a: 1, b: { c: [1, 'x'] } },
    { ...tree, e: 1 },
    { ...tree, e: {} },
    { ...tree, a: '1' },
    { ...tree, a: 2 },
  ];
  for (const other of others) t.equal(isUnion(tree, other), false, JSON.stringify(other));
  t.equal(isUnion({ a: Number.NaN }, { a: Number.POSITIVE_INFINITY }), false);
  t.equal(isUnion({ a: new Date(0) }, { a: new Date(1) }), false);
  t.equal(isUnion({ a: 9007199254740993n }, { a: 9007199254740992n }), false);
  t.end();
});

t.test('our lines are broken as the lines around them are', t => {
  const root = 'version = 3\r\n[grpc]\r\n';
  const found = { containerdVersion: '2.4.2', root };
  const { after = '' } = planChange(found);
  t.equal(after.replaceAll('\r\n', '').includes('\n'), false);
  t.equal(
    planChange({ ...found, root: root.trimEnd() })
      .after?.replaceAll('\r\n', '')
      .includes('\n'),
    false,
  );
  t.match(
    planChange({ ...found, root: 'version = 3' }).after,
    /^version = 3\n# BEGIN gvisor-injector, and the line break before/,
  );
  t.end();
});
