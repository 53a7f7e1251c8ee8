import t from 'tap';
import { CANDIDATE_DROP_IN } from '../../src/node/containerd/configuration.ts';
import { planRemoval } from '../../src/node/containerd/plan-removal.ts';
import {
  type Case,
  changedBy,
  configurationOf,
  DROP_IN,
  expectChange,
  fileOf,
  IMPORTING,
  NEW,
  OLD,
  plan,
  planChange,
  recordOf,
  remove,
  RENDERED,
} from './containerd-configurations.ts';
import { ENTRY, layoutOf } from './containerd-hosts.ts';

t.test('a file that was not there before goes with our lines, unless others wrote into it', t => {
  const cases: readonly Case[] = [{ ...OLD, root: undefined }, { ...NEW, root: undefined }, IMPORTING, RENDERED];
  for (const found of cases) {
    const change = planChange(found);
    const record = recordOf(change);
    t.equal(record.created, true);
    const after = changedBy(found, change);
    const removal = expectChange(remove(after, record));
    t.match(removal, { path: change.path, before: change.after, after: undefined });
    const used = changedBy(found, { path: change.path, after: `${change.after}# mine\n[metrics]\n` });
    const rest = expectChange(remove(used, record)).after;
    t.match(
      rest,
      /^(version = \d|\{\{ template "base" \. \}\})\n# mine\n\[metrics\]\n$/,
      'and it still has its version',
    );
    const kept = changedBy(found, { path: change.path, after: rest });
    t.equal(remove(kept, record), undefined, 'a second removal leaves what others wrote');
    t.equal(remove(found, record), undefined, 'a file that is gone needs no removal');
    const emptied = changedBy(found, { path: change.path, after: `${change.after?.split('\n')[0]}\n` });
    t.match(remove(emptied, record), { after: undefined }, 'nor does one need our lines to be ours');
    t.equal(expectChange(remove(after, { ...record, created: false })).after, change.after?.split('\n')[0] + '\n');
  }
  t.end();
});

t.test('a removal tries out what is left', t => {
  const change = planChange(IMPORTING);
  const after = changedBy({ ...IMPORTING, imported: { '/etc/containerd/conf.d/a.toml': '' } }, change);
  const removal = expectChange(remove(after, recordOf(change)));
  t.match(removal.candidate, { root: /imports = \["\/etc\/containerd\/conf\.d\/a\.toml"\]/, dropIn: undefined });
  const used = changedBy(after, { path: DROP_IN, after: `${change.after}[metrics]\n` });
  t.match(expectChange(remove(used, recordOf(change))).candidate, {
    root: new RegExp(`a\\.toml", "${CANDIDATE_DROP_IN}"`),
    dropIn: 'version = 3\n[metrics]\n',
  });
  const created = { ...NEW, root: undefined };
  const root = planChange(created);
  t.equal(expectChange(remove(changedBy(created, root), recordOf(root))).candidate.root, 'version = 3\n');
  const template = planChange(RENDERED);
  const rendered = { ...changedBy(RENDERED, template), root: template.candidate.root };
  t.equal(
    expectChange(remove(rendered, recordOf(template))).candidate.root,
    RENDERED.root,
    'the rendered file without ours',
  );
  t.end();
});

t.test(
  'a removal takes our lines also from a file that containerd no longer loads, and refuses those it has no record of',
  t => {
    const change = planChange(IMPORTING);
    const configuration = { ...configurationOf(NEW), unloaded: fileOf(DROP_IN, change.after ?? '') };
    t.match(plan(NEW, [ENTRY], configuration), { reason: 'EntryChanged', hint: 'uninstall' });
    const layout = layoutOf('containerd.service');
    const removal = expectChange(planRemoval({ layout, configuration, entry: recordOf(change) }));
    t.match(removal, { path: DROP_IN, after: undefined, candidate: { root: NEW.root, dropIn: undefined } });
    const edited = { ...configuration, unloaded: fileOf(DROP_IN, change.after?.replace('20260914', '20260915') ?? '') };
    t.match(planRemoval({ layout, configuration: edited, entry: recordOf(change) }), { reason: 'EntryChanged' });
    const elsewhere = { path: '/etc/containerd/other.toml', sha256: 'x', created: false };
    t.match(remove(changedBy(NEW, planChange(NEW)), elsewhere), { reason: 'EntryChanged', sentence: elsewhere.path });
    t.end();
  },
);
