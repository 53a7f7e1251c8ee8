import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import t from 'tap';
import { cgroupDriverIn, flagContradictions, runscConfiguration } from '../../src/node/runsc/runsc-configuration.ts';
import { parseRunscFlags, parseRunscVersion, unknownFlags } from '../../src/node/runsc/runsc-output.ts';

const RELEASE = '/opt/gvisor-injector/releases/20260914.0';
/** Printed by runsc of the Go module at v0.0.0-20260701204157-69c2d17aea96. */
const FLAGS_OUTPUT = readFileSync('test/fixtures/node-runsc/flags.txt', 'utf8');

t.test('parseRunscVersion() reads the release from what runsc --version prints', t => {
  const table = [
    ['runsc version release-20260914.0\nspec: 1.2.1\n', '20260914.0'],
    ['runsc version release-20260914.0\r\nspec: 1.2.1\r\n', '20260914.0'],
    ['runsc version v0.0.0-20260701204157-69c2d17aea96\nspec: 1.2.1\n', 'v0.0.0-20260701204157-69c2d17aea96'],
    ['W1123 something on a line before\nrunsc version release-20260817.0-3-gabcdef\n', '20260817.0-3-gabcdef'],
    ['runsc version VERSION_MISSING\nspec: 1.2.1\n', undefined],
    ['runsc version ../../etc\n', undefined],
    ['runsc version 20260914.0/../x\n', undefined],
    ['', undefined],
  ] as const;
  for (const [output, release] of table) t.equal(parseRunscVersion(output), release, JSON.stringify(output));
  t.end();
});

t.test('parseRunscFlags() finds every flag of a real runsc, and no word of a description', t => {
  const flags = parseRunscFlags(FLAGS_OUTPUT);
  t.equal(flags.length, 111);
  t.equal(flags.length, new Set(flags).size, 'each once');
  for (const name of ['EXPERIMENTAL-xdp', 'platform_device_path', 'h', 'overlay2', 'systemd-cgroup', 'vfs2']) {
    t.ok(flags.includes(name), name);
  }
  t.strictSame(parseRunscFlags('  -only value\n    \t-not a flag\n'), ['only']);
  t.end();
});

t.test('unknownFlags() names the nearest flag, and what is not for a handler', t => {
  const known = parseRunscFlags(FLAGS_OUTPUT);
  t.strictSame(unknownFlags({ platform: 'kvm', 'net-raw': 'true', 'gvisor-marker-file': 'true' }, known), []);
  const texts = unknownFlags({ 'net-row': '1', overlay: 'x', root: '/x', version: 'true', zzzz: '' }, known).map(
    ({ reason, sentence, hint }) => `${reason} ${sentence} | ${hint}`,
  );
  t.strictSame(texts, [
    "RunscFlagUnknown this release of runsc has no flag 'net-row' | Did you mean 'net-raw'?",
    "RunscFlagInvalid flag 'root' is not for a handler: the shim sets it, and finds its sandboxes there | Take it out of runscFlags",
    "RunscFlagInvalid flag 'version' is not for a handler: it makes runsc print its version and nothing else | Take it out of runscFlags",
    "RunscFlagUnknown this release of runsc has no flag 'zzzz' | 'runsc flags' lists those that it knows",
  ]);
  t.equal(unknownFlags({ 'net-raw': 'true' }, []).length, 1, 'nothing is known without a list');
  t.end();
});

t.test('runscConfiguration() writes the bytes that the shim reads', t => {
  const flags = { platform: 'kvm', 'net-raw': 'true' };
  const { fileName, text } = runscConfiguration({
    handler: 'runsc',
    releaseFolder: RELEASE,
    flags,
    cgroupDriver: 'systemd',
  });
  t.equal(
    text,
    `# Written by gvisor-injector and named by its content. Change the flags in the policy, not here.
binary_name = "${RELEASE}/runsc"

[runsc_config]
net-raw = "true"
platform = "kvm"
systemd-cgroup = "true"
`,
  );
  t.match(fileName, /^runsc-[0-9a-f]{12}\.toml$/);
  const otherwise = (changes: object) =>
    runscConfiguration({ handler: 'runsc', releaseFolder: RELEASE, flags, cgroupDriver: 'systemd', ...changes });
  t.strictSame(
    otherwise({ flags: { 'net-raw': 'true', platform: 'kvm' } }),
    { fileName, text },
    'the order does not count',
  );
  for (const changes of [
    { flags: {} },
    { cgroupDriver: 'cgroupfs' },
    { releaseFolder: '/opt/other' },
    { handler: 'strict' },
  ]) {
    t.not(otherwise(changes).fileName, fileName, `another file with ${JSON.stringify(changes)}`);
  }
  t.match(otherwise({ cgroupDriver: 'cgroupfs' }).text, /^systemd-cgroup = "false"$/m);
  for (const cgroupDriver of ['systemd', 'cgroupfs'] as const) {
    t.equal(cgroupDriverIn(otherwise({ cgroupDriver }).text), cgroupDriver, 'it can be read from the text');
  }
  for (const other of ['', '[runsc_config]\nsystemd-cgroup = true\n', '[runsc_config]\nsystemd-cgroup = "x"', '= =']) {
    t.equal(cgroupDriverIn(other), undefined, other);
  }
  t.end();
});

t.test('runscConfiguration() is TOML of texts only, whatever the values of the flags are', t => {
  const flags = fc.dictionary(fc.stringMatching(/^[a-z0-9]{1,8}(-[a-z0-9]{1,8})?$/), fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(flags, fc.constantFrom('systemd' as const, 'cgroupfs' as const), (flags, cgroupDriver) => {
      const { text } = runscConfiguration({ handler: 'runsc', releaseFolder: RELEASE, flags, cgroupDriver });
      const expected = { ...flags, 'systemd-cgroup': String(cgroupDriver === 'systemd') };
      t.same(parse(text), { binary_name: `${RELEASE}/runsc`, runsc_config: expected });
    }),
    { numRuns: 100 },
  );
  t.end();
});

function refused(value: string, driver: 'systemd' | 'cgroupfs'): readonly string[] {
  const refusals = flagContradictions('runsc', { 'systemd-cgroup': value, platform: 'kvm' }, driver);
  return refusals.map(({ sentence }) => sentence);
}

t.test("flagContradictions() refuses a cgroup flag that is not the node's driver", t => {
  t.strictSame(flagContradictions('runsc', { platform: 'kvm' }, 'systemd'), []);
  for (const value of ['true', '1', 'T']) t.strictSame(refused(value, 'systemd'), [], `${value} is true`);
  for (const value of ['false', '0', 'F']) t.strictSame(refused(value, 'cgroupfs'), [], `${value} is false`);
  t.strictSame(refused('true', 'cgroupfs'), [
    `handler 'runsc' has the flag systemd-cgroup = "true" in the policy, and the cgroup driver of this node is cgroupfs`,
  ]);
  t.equal(refused('', 'systemd').length, 1);
  t.end();
});
