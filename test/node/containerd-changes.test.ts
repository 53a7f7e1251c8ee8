import t from 'tap';
import { CANDIDATE_DROP_IN } from '../../src/node/containerd/configuration.ts';
import { foreignHandlers } from '../../src/node/containerd/foreign-handlers.ts';
import { ownDigest } from '../../src/node/containerd/inspect-configuration.ts';
import { emptyRoot } from '../../src/node/containerd/judge-configuration.ts';
import { sha256Of } from '../../src/node/host/sha256.ts';
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
  ROOT,
  RUNC,
} from './containerd-configurations.ts';
import { dumpOf, ENTRY, NEXT_ENTRY } from './containerd-hosts.ts';

const K3S = '/var/lib/rancher/k3s/agent/etc/containerd';
const SECOND = { ...ENTRY, name: 'runsc-kvm', configPath: ENTRY.configPath.replace('runsc.toml', 'runsc-kvm.toml') };

/** The text of the root file with our lines in it. */
function installed(found: Case): string {
  return planChange(found).after ?? '';
}

t.test('a change says what the record needs', t => {
  const change = planChange(OLD);
  const block = change.after?.slice(OLD.root?.length) ?? '';
  t.equal(change.sha256, sha256Of(block), 'the sum of our bytes');
  t.equal(ownDigest(change.after ?? ''), change.sha256);
  t.strictSame(change.entries, [ENTRY]);
  t.strictSame(change.removed, []);
  const noLineBreak = planChange({ ...OLD, root: OLD.root?.trimEnd() });
  t.equal(
    noLineBreak.sha256,
    sha256Of(noLineBreak.after?.slice((OLD.root?.length ?? 0) - 1) ?? ''),
    'the line break too',
  );
  t.match(expectChange(remove(changedBy(OLD, change), recordOf(change))), {
    sha256: undefined,
    removed: ['runsc'],
    entries: [],
  });
  const { root } = configurationOf(OLD);
  const odd = {
    ...configurationOf(OLD),
    root: root === undefined ? root : { ...root, attributes: { mode: 0o600, uid: 7, gid: 8 } },
  };
  t.match(plan(OLD, [ENTRY], odd), { attributes: { mode: 0o600, uid: 7, gid: 8 } });
  t.match(planChange(IMPORTING), { attributes: { mode: 0o644, uid: 0, gid: 0 }, before: undefined });
  t.end();
});

t.test('handlers come and go with the policy, each time as one change of our lines', t => {
  for (const found of [OLD, NEW, IMPORTING, RENDERED]) {
    const both = planChange(found, [ENTRY, SECOND]);
    const after = changedBy(found, both);
    t.equal(plan(after, [ENTRY, SECOND]), undefined);
    const one = planChange(after, [SECOND]);
    t.strictSame(one.removed, ['runsc']);
    t.notMatch(one.after, /runtimes\.runsc\]/);
    t.equal(one.path, both.path);
    t.equal(one.after, planChange(found, [SECOND]).after);
    t.equal(plan(after, []), undefined, 'nothing wanted is nothing planned');
  }
  t.end();
});

t.test('lines of ours that somebody changed are put right by a plan, and left alone by a removal', t => {
  const change = planChange(OLD);
  const edited = changedBy(OLD, {
    path: ROOT,
    after: change.after?.replace('privileged_without_host_devices = true', '# off'),
  });
  t.equal(planChange(edited).after, change.after);
  t.match(remove(edited, recordOf(change)), {
    reason: 'EntryChanged',
    sentence: `lines 4 to 14 of ${ROOT} are marked as ours and are not as we wrote them`,
  });
  const windows = changedBy(OLD, { path: ROOT, after: change.after?.replaceAll('\n', '\r\n') });
  t.match(remove(windows, recordOf(change)), { reason: 'EntryChanged' });
  t.end();
});

t.test('marks that do not fit each other are refused with their lines', t => {
  const text = installed(NEW);
  const cases: readonly (readonly [string, string])[] = [
    [text + text.slice(text.indexOf('#')), 'there is an entry of ours at line 2 and another one at line 13'],
    [text.replace(/# END.*\n/, ''), 'line 2 begins an entry of ours that no line ends'],
    [text.replace(/# BEGIN.*\n/, ''), 'line 11 ends an entry of ours that no line begins'],
    [text.replace('# END', '# BEGIN'), 'line 2 begins an entry of ours, and line 12 another one before it ends'],
    [`${text}more = 1\n`, 'what follows our lines, from line 13 on'],
  ];
  for (const [root, sentence] of cases) {
    const found = { ...NEW, root };
    for (const result of [
      plan(found, [NEXT_ENTRY]),
      remove(found, { path: ROOT, sha256: ownDigest(root) ?? '', created: false }),
    ]) {
      t.match(result, { reason: 'EntryChanged' }, sentence);
    }
    t.match(plan(found, [NEXT_ENTRY]), { sentence: `${ROOT}: ${sentence}` });
  }
  t.end();
});

t.test('a handler that points at a release of ours outside of our marks is refused: it was written anew', t => {
  const root = installed(NEW).replace(/# (BEGIN|END).*\n/g, '');
  const record = { path: ROOT, sha256: 'x', created: false };
  for (const result of [plan({ ...NEW, root }), remove({ ...NEW, root }, record)]) {
    t.match(result, { reason: 'EntryChanged', sentence: `${ROOT}:4 points at a release of ours` });
  }
  const rendered = changedBy(RENDERED, { path: `${K3S}/config-v3.toml.tmpl`, after: root });
  t.match(plan(rendered), { reason: 'EntryChanged' }, 'in a template, too');
  t.end();
});

t.test('lines of ours in two files, or where they have no effect, are refused', t => {
  const dropIn = planChange(IMPORTING);
  const both = {
    ...changedBy(IMPORTING, dropIn),
    root: (IMPORTING.root ?? '') + installed(NEW).slice('version = 3\n'.length),
  };
  t.match(plan(both), { reason: 'EntryChanged', sentence: 'in two files' });
  t.match(remove(both, recordOf(dropIn)), {
    reason: 'EntryChanged',
    sentence: `and the record names ${DROP_IN} instead`,
  });

  const configuration = { ...configurationOf(NEW), unloaded: fileOf(DROP_IN, dropIn.after ?? '') };
  t.match(plan(NEW, [ENTRY], configuration), { reason: 'EntryChanged', sentence: 'no longer loads' });

  const downgraded = {
    ...changedBy(IMPORTING, planChange({ ...IMPORTING, root: IMPORTING.root?.replace('3', '2') })),
    root: IMPORTING.root?.replace('3', '2') + RUNC,
  };
  t.match(plan({ ...downgraded, containerdVersion: '1.7.24' }), {
    reason: 'EntryChanged',
    sentence: 'containerd 1 no longer takes its handlers from',
  });

  const oldTemplate = changedBy(RENDERED, {
    path: `${K3S}/config.toml.tmpl`,
    after: planChange({ ...RENDERED, root: 'version = 2\n' }).after,
  });
  t.match(plan(oldTemplate), { reason: 'EntryChanged', sentence: 'no longer renders from' });
  t.end();
});

t.test('our lines stay where they are when a better place comes up', t => {
  const blocked = { ...IMPORTING, root: (IMPORTING.root ?? '') + installed(NEW).slice('version = 3\n'.length) };
  t.equal(plan(blocked), undefined);
  t.match(planChange(blocked, [NEXT_ENTRY]), { method: 'block', path: ROOT });
  const template = { ...changedBy(RENDERED, planChange(RENDERED)), hasDropInFolder: true };
  t.equal(plan(template), undefined);
  t.end();
});

t.test('a drop-in of ours follows the version of the root file', t => {
  const root = IMPORTING.root?.replace('3', '2');
  const after = changedBy({ ...IMPORTING, root }, planChange({ ...IMPORTING, root }));
  const migrated = planChange({ ...after, root: IMPORTING.root });
  t.match(migrated.after, /^version = 3\n/);
  t.equal(migrated.after, planChange(IMPORTING).after);
  t.match(
    migrated.candidate.root,
    `imports = ["${CANDIDATE_DROP_IN}"]`,
    'the candidate takes the place of the real one',
  );
  t.end();
});

t.test('containerd 1 keeps its own handler by our lines, also through an upgrade, and when containerd becomes 2', t => {
  const bare = { ...OLD, root: 'version = 2\n' };
  const change = planChange(bare);
  t.match(change.after, '# containerd 1 forgets');
  t.match(change.after, /runtimes\.runc\]\nruntime_type = "io.containerd.runc.v2"\nsandbox_mode = "podsandbox"\n/);
  const after = changedBy(bare, change);
  t.equal(plan(after), undefined);
  t.match(planChange(after, [NEXT_ENTRY]).after, 'sandbox_mode = "podsandbox"');
  t.equal(plan({ ...after, containerdVersion: '2.4.2' }), undefined, 'no restart for nothing');
  t.strictSame(expectChange(remove(after, recordOf(change))).removed, ['runsc']);
  t.notMatch(planChange(OLD).after, '# containerd 1 forgets', 'where the file names one, nothing is forgotten');
  t.notMatch(planChange({ ...bare, containerdVersion: '2.0.6' }).after, '# containerd 1 forgets');
  const nothing = planChange({ ...OLD, root: undefined });
  t.match(nothing.after, /^version = 2\n[^]*sandbox_mode/);
  t.strictSame(
    [emptyRoot({ major: 1, minor: 7, patch: 0 }), emptyRoot({ major: 2, minor: 4, patch: 0 })],
    ['version = 2\n', 'version = 3\n'],
  );
  t.end();
});

t.test('the template is tried out as what it will give', t => {
  const template = planChange(RENDERED);
  t.equal(template.path, `${K3S}/config-v3.toml.tmpl`);
  const restarted = { ...changedBy(RENDERED, template), root: template.candidate.root };
  t.equal(plan(restarted), undefined, 'after the restart the rendered file has our lines');
  const upgrade = planChange(restarted, [NEXT_ENTRY]);
  t.equal(upgrade.path, template.path);
  t.equal(upgrade.candidate.root, planChange(RENDERED, [NEXT_ENTRY]).candidate.root);
  t.end();
});

t.test('a file that is imported by an imported one is not tried out, so not changed', t => {
  const nested = configurationOf({ ...OLD, imported: { '/etc/containerd/a.toml': `version = 2\n${RUNC}` } });
  const configuration = { ...nested, imported: nested.imported.map(file => ({ ...file, isDirect: false })) };
  t.match(plan(OLD, [ENTRY], configuration), { reason: 'ConfigurationNotExtensible', sentence: ROOT });
  t.end();
});

t.test('foreignHandlers() says whose a handler is', t => {
  const root = `${installed(OLD)}[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.gvisor]\nruntime_type = "io.containerd.runsc.v1"\n`;
  const configuration = configurationOf({ ...OLD, root });
  const owners = foreignHandlers(dumpOf(configuration, '1.7.24'), configuration, ['runsc', 'runc', 'gvisor', 'kata']);
  t.strictSame(owners, [
    { name: 'runsc', owner: 'us', runtimeType: undefined, isOfGvisor: false },
    { name: 'runc', owner: 'others', runtimeType: 'io.containerd.runc.v2', isOfGvisor: false },
    { name: 'gvisor', owner: 'others', runtimeType: 'io.containerd.runsc.v1', isOfGvisor: true },
    { name: 'kata', owner: 'nobody', runtimeType: undefined, isOfGvisor: false },
  ]);
  const change = planChange({ ...OLD, root }, [NEXT_ENTRY, { ...ENTRY, name: 'gvisor' }]);
  t.strictSame(change.entries, [NEXT_ENTRY], 'one of others is used as it is');
  t.end();
});
