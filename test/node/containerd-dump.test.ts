import { readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { compareDumps } from '../../src/node/containerd/compare-dumps.ts';
import {
  judgeContainerdVersion,
  newestConfigurationVersion,
  parseContainerdVersion,
} from '../../src/node/containerd/containerd-version.ts';
import { enablesSELinux, handlersOf, parseDump, runcUsesSystemdCgroup } from '../../src/node/containerd/dump.ts';
import { ENTRY, NEXT_ENTRY } from './containerd-hosts.ts';

const FOLDER = 'test/fixtures/node/dumps';
/** Dumps of real containerds by version: of a file with our handler, SELinux, and runc's cgroups made by systemd. */
const dumps = new Map(
  readdirSync(FOLDER).map(file => [file.replace('.toml', ''), readFileSync(`${FOLDER}/${file}`, 'utf8')]),
);

t.test(
  'judgeContainerdVersion() knows which containerds run gVisor, whatever distributions put around their numbers',
  t => {
    const expected: Readonly<Record<string, string | undefined>> = {
      '1.7.0': undefined,
      '1.7.24~ds1': undefined,
      'v1.7.24-k3s2': undefined,
      '2.0.6': undefined,
      '2.1.2': undefined,
      '2.1.9+ds': undefined,
      '2.1.9+unknown': undefined,
      '2.2.2-bd1.34': undefined,
      '2.2.0': undefined,
      'v2.4.0-beta.0': undefined,
      '10.0.0': undefined,
      '1.6.20~ds1': 'ContainerdTooOld',
      '1.6.99': 'ContainerdTooOld',
      '0.9.9': 'ContainerdTooOld',
      '2.0.0-rc.1': 'ContainerdKnownBad',
      '2.0.0': 'ContainerdKnownBad',
      'v2.0.5': 'ContainerdKnownBad',
      '2.1.0': 'ContainerdKnownBad',
      '2.1.1~ds1': 'ContainerdKnownBad',
      '': 'ContainerdTooOld',
      '1.7': 'ContainerdTooOld',
      unknown: 'ContainerdTooOld',
      '1.7.24ds1': 'ContainerdTooOld',
      '\u001b[31m2.1.9': 'ContainerdTooOld',
    };
    for (const [version, reason] of Object.entries(expected)) {
      const refusal = judgeContainerdVersion(version);
      t.equal(refusal?.reason, reason, version);
      t.notMatch(refusal?.sentence ?? '', '\u001b');
    }
    t.end();
  },
);

t.test('newestConfigurationVersion() is what the real ones dump', t => {
  for (const [version, dump] of dumps) {
    const parsed = parseContainerdVersion(version);
    if (parsed === undefined) throw new Error(version);
    t.equal(parseDump(dump)['version'], newestConfigurationVersion(parsed), version);
  }
  t.strictSame(
    ['1.7.0', '2.0.6', '2.2.9', '2.3.0', '3.0.0'].map(text => {
      const version = parseContainerdVersion(text);
      return version === undefined ? undefined : newestConfigurationVersion(version);
    }),
    [2, 3, 3, 4, 4],
  );
  t.end();
});

t.test('dumps of every version say which handlers there are, and what CRI does', t => {
  t.strictSame([...dumps.keys()], ['1.7.24', '2.2.9', '2.4.2']);
  for (const [version, dump] of dumps) {
    const handlers = handlersOf(dump);
    t.strictSame([...handlers.keys()].toSorted(), ['runc', 'runsc'], version);
    const { table, ...runsc } = handlers.get('runsc') ?? { table: {} };
    t.strictSame(runsc, {
      runtimeType: 'io.containerd.runsc.v1',
      runtimePath: ENTRY.runtimePath,
      configPath: ENTRY.configPath,
      podAnnotations: [],
      privilegedWithoutHostDevices: true,
    });
    t.ok('snapshotter' in table, 'the whole table');
    t.match(handlers.get('runc'), { runtimePath: '', configPath: undefined, privilegedWithoutHostDevices: false });
    t.equal(enablesSELinux(dump), true);
    t.equal(enablesSELinux(dump.replace('enable_selinux = true', 'enable_selinux = false')), false);
    t.equal(runcUsesSystemdCgroup(dump), true);
    t.equal(runcUsesSystemdCgroup(dump.replace('SystemdCgroup = true', 'SystemdCgroup = false')), false);
    t.equal(runcUsesSystemdCgroup(dump.replace('SystemdCgroup = true', '')), undefined);
    t.equal(
      runcUsesSystemdCgroup(dump.replace(/default_runtime_name = .runc./, 'default_runtime_name = "runsc"')),
      undefined,
      'another default handler',
    );
    t.equal(
      runcUsesSystemdCgroup(dump.replace(/default_runtime_name = .runc./, 'default_runtime_name = ""')),
      true,
      'runc where none is named',
    );
  }
  t.equal(handlersOf('').size, 0);
  t.throws(() => handlersOf('usage: containerd\n'), { reason: 'ConfigurationInvalid', message: 'line 1, column' });
  t.end();
});

/** Fails unless each difference matches the pattern at its place. */
function matchAll(t: Test, differences: readonly string[], patterns: readonly RegExp[]): void {
  t.equal(differences.length, patterns.length, differences.join('; '));
  for (const [index, pattern] of patterns.entries()) t.match(differences[index], pattern);
}

/** The differences that a replacement in a dump makes. */
function differencesOf(dump: string, from: string | RegExp, to: string): readonly string[] {
  const after = dump.replace(from, to);
  t.not(after, dump, `${String(from)} is in the dump`);
  return compareDumps({ before: dump, after, entries: [ENTRY], removed: [] });
}

t.test('compareDumps() finds nothing where nothing but our handler and the imports differ', t => {
  for (const [version, dump] of dumps) {
    t.strictSame(compareDumps({ before: dump, after: dump, entries: [ENTRY], removed: [] }), [], version);
    t.strictSame(differencesOf(dump, /^imports = .*$/m, 'imports = ["/other"]'), []);
    const without = dump.replace(/^ +\[plugins.[^\n]*runtimes\.runsc\]\n[^]*?runsc\.v1\.options['"]\n/m, '');
    t.notMatch(without, 'runsc');
    t.strictSame(compareDumps({ before: without, after: dump, entries: [ENTRY], removed: [] }), [], 'new');
    t.strictSame(compareDumps({ before: dump, after: without, entries: [], removed: ['runsc'] }), [], 'removed');
    matchAll(t, compareDumps({ before: without, after: without, entries: [ENTRY], removed: [] }), [
      /runsc would not be there/,
    ]);
    matchAll(t, compareDumps({ before: dump, after: dump, entries: [], removed: ['runsc'] }), [
      /runsc would still be there/,
    ]);
    matchAll(t, compareDumps({ before: without, after: dump, entries: [], removed: [] }), [
      /^plugins\."io.containerd.*"\.containerd\.runtimes\.runsc would be new$/,
    ]);
  }
  t.end();
});

t.test('compareDumps() names what of our handler is not as it was given', t => {
  const [dump = ''] = dumps.values();
  const differences = compareDumps({ before: dump, after: dump, entries: [NEXT_ENTRY], removed: [] });
  t.strictSame(differences, [
    'the handler runsc would have another runtime_path',
    'the handler runsc would have another pod_annotations',
    'the handler runsc would have another options.ConfigPath',
  ]);
  t.end();
});

t.test('compareDumps() names everything else that differs, and no value that may be a secret', t => {
  for (const dump of dumps.values()) {
    matchAll(t, differencesOf(dump, 'SystemdCgroup = true', 'SystemdCgroup = false'), [
      /runtimes\.runc\.options\.SystemdCgroup would change from true to false$/,
    ]);
    matchAll(t, differencesOf(dump, 'registry.k8s.io/pause:3.10', `${'x'.repeat(300)}\\u001b`), [
      /(sandbox_image|pinned_images\.sandbox) would change from "registry.k8s.io\/pause:3.10" to "x+…$/,
    ]);
    matchAll(t, differencesOf(dump, /max_concurrent_downloads = 3\n/, ''), [
      /max_concurrent_downloads would be gone: 3$/,
    ]);
    matchAll(t, differencesOf(dump, /^state = .*$/m, 'state = "/run/containerd"\nnew = 1'), [/^new would be new: 1$/]);
    const secret = differencesOf(dump, 'hunter2', 'other');
    matchAll(t, secret, [/auth\.password would change$/]);
    t.notMatch(secret.join(), /hunter|other/);
    const headers = differencesOf(
      dump,
      /^( *)enable_selinux = true$/m,
      '$1enable_selinux = true\n$1access_token = "abc"',
    );
    matchAll(t, headers, [/access_token would be new$/]);
    const runc = dump.replace(/^ +\[plugins.[^\n]*runtimes\.runc\][^]*?SystemdCgroup = true\n/m, '');
    matchAll(t, compareDumps({ before: dump, after: runc, entries: [ENTRY], removed: [] }), [
      /runtimes\.runc would be gone$/,
    ]);
  }
  t.end();
});

t.test('compareDumps() takes no other value that is not there for one that is empty', t => {
  for (const dump of dumps.values()) {
    const differences = differencesOf(dump, /^ *base_runtime_spec = .*\n/m, '');
    matchAll(t, differences, [/base_runtime_spec would be gone: ""$/]);
  }
  t.end();
});

t.test('compareDumps() takes an option without a value for one that is not there', t => {
  for (const dump of dumps.values()) {
    const unset = dump.replace('SystemdCgroup = true', 'SystemdCgroup = true\nOther = ""');
    t.strictSame(compareDumps({ before: unset, after: dump, entries: [ENTRY], removed: [] }), []);
    t.strictSame(differencesOf(dump, /SystemdCgroup = true/, 'SystemdCgroup = true\nOther = 0'), []);
    matchAll(t, differencesOf(dump, /SystemdCgroup = true/, 'SystemdCgroup = true\nOther = 1'), [
      /Other would be new: 1$/,
    ]);
    matchAll(t, differencesOf(dump, /^ *SystemdCgroup = true\n/m, ''), [/SystemdCgroup would be gone: true$/]);
  }
  t.end();
});
