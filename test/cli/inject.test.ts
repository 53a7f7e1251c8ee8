import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { inject } from '../../src/cli/inject.ts';
import { refusalOf, runCommand, runProgram } from './manifest-command.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n';
const SANDBOXED =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {runtimeClassName: gvisor, nodeSelector: {gvisor-injector/runsc: ready}, tolerations: [{key: sandbox, operator: Equal, value: gvisor, effect: NoSchedule}]}\n';
const OPT_OUT = 'apiVersion: v1\nkind: Pod\nmetadata: {name: b, annotations: {sandbox: none}}\nspec: {}\n';
const JSON_POD = '{"apiVersion":"v1","kind":"Pod","spec":{}}';
const TWO_PROFILES = `apiVersion: gvisor-injector/v1alpha1
kind: SandboxPolicy
profiles:
  - name: gvisor
  - name: strict
    tolerations: []
    nodeSelector: {}
`;

t.test('inject writes files, folders and stdin as one stream in reading order', async t => {
  const folder = t.testdir({
    'b.yml': 'kind: b\n',
    'a.yaml': '# a\nkind: a',
    'c.json': '{"kind": "c"}\n',
    'notes.txt': 'kind: [',
    deep: { 'd.yaml': '---\nkind: d\n' },
  });
  const { code, stdout, stderr } = await runCommand(
    inject,
    ['-f', '-', '-f', folder, '--file', join(folder, 'b.yml')],
    POD,
  );
  t.equal(code, 0);
  t.equal(stdout, `${SANDBOXED}---\n# a\nkind: a\n---\nkind: b\n---\n{"kind": "c"}\n---\nkind: d\n---\nkind: b\n`);
  t.equal(stderr, 'sandboxed 1 of 1 Pod or template\n');
});

t.test('inject gives a single JSON document back as JSON, byte for byte where nothing is missing', async t => {
  const once = await runCommand(inject, ['-f', '-'], JSON_POD);
  t.equal(
    once.stdout,
    '{"apiVersion":"v1","kind":"Pod","spec":{"runtimeClassName":"gvisor","nodeSelector":{"gvisor-injector/runsc":"ready"},"tolerations":[{"key":"sandbox","operator":"Equal","value":"gvisor","effect":"NoSchedule"}]}}',
  );
  const again = await runCommand(inject, ['-f', '-'], once.stdout);
  t.equal(again.stdout, once.stdout);
  t.equal(again.stderr, 'sandboxed 0 of 1 Pod or template\n');
});

t.test('inject writes nothing and exits 3 when a Pod would be denied, and names each', async t => {
  const input = `${POD}---\n${OPT_OUT}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {template: {spec: {runtimeClassName: kata}}}\n`;
  const { code, stdout, stderr } = await runCommand(inject, ['-f', '-'], input);
  t.equal(code, 3);
  t.equal(stdout, '');
  t.equal(
    stderr,
    'denied: stdin:6:1: Pod/b: OptOutForbidden: annotation sandbox=none: namespace "default" does not let Pods opt out; remove the annotation, or ask the owner of the namespace to label it sandbox-opt-out=allowed\n' +
      'denied: stdin:11:1: Deployment/c: RuntimeClassConflict: spec.runtimeClassName "kata" belongs to no sandbox profile, and profile "gvisor" is asked for; remove the field, it becomes "gvisor" by itself\n' +
      'nothing was written: 2 of 3 Pods and templates would be denied\n',
  );
});

t.test('inject acts as in the namespace that the flags describe', async t => {
  const policy = join(t.testdir({ 'policy.yaml': TWO_PROFILES }), 'policy.yaml');
  const strict = await runCommand(inject, ['-f', '-', '--policy', policy, '--profile', 'strict'], POD);
  t.match(strict.stdout, 'spec: {runtimeClassName: strict}');

  const optOut = await runCommand(inject, ['-f', '-', '--opt-out'], OPT_OUT);
  t.equal(optOut.code, 0);
  t.equal(optOut.stdout, OPT_OUT);
  t.match(optOut.stderr, 'warning: stdin:1:1: Pod/b: annotation sandbox=none: this Pod runs without a sandbox\n');

  const pod = await runCommand(inject, ['-f', '-', '--trigger', 'pod'], POD);
  t.equal(pod.stdout, POD, 'neither namespace nor Pod asks');

  const exempt = POD.replace('{name: a}', '{name: a, namespace: mine}');
  t.equal((await runCommand(inject, ['-f', '-', '--namespace', 'mine'], exempt)).stdout, exempt, 'our own namespace');
  t.match(await refusalOf(inject, ['-f', '-', '--namespace', 'Mine'], exempt), {
    code: 'BadUsage',
    message: /^--namespace must be a DNS-1123 label .*, not 'Mine'$/,
    hint: "Run 'gvisor-injector inject --help' for its flags",
  });
  t.not((await runCommand(inject, ['-f', '-'], exempt)).stdout, exempt);
});

t.test('inject --trigger audit reports and changes nothing, not even for what would be denied', async t => {
  const { code, stdout, stderr } = await runCommand(inject, ['-f', '-', '--trigger', 'audit'], `${POD}---\n${OPT_OUT}`);
  t.equal(code, 0);
  t.equal(stdout, `${POD}---\n${OPT_OUT}`);
  t.match(
    stderr,
    /^audit: stdin:1:1: Pod\/a: patched, Sandboxed: .*\naudit: stdin:6:1: Pod\/b: denied, OptOutForbidden: /,
  );
  t.match(stderr, 'nothing was changed: audit only decides, 2 Pods and templates\n');
});

t.test('inject says when there was nothing to sandbox', async t => {
  for (const input of ['', '# nothing\n', 'kind: ConfigMap\r\n']) {
    t.strictSame(await runCommand(inject, ['-f', '-'], input), {
      code: 0,
      stdout: input,
      stderr: 'no Pod and no workload template in the input: there was nothing to sandbox\n',
    });
  }
});

t.test('inject lists the faults of all inputs together', async t => {
  const folder = t.testdir({ 'a.yaml': 'a: [\n', 'b.yaml': POD, 'c.json': '{"a": 1, "a": 2}' });
  const fault = await refusalOf(inject, ['-f', folder]);
  t.equal(fault.code, 'DocumentInvalid');
  t.equal(fault.message, 'Cannot use 2 inputs: 2 faults');
  t.strictSame(fault.details, [
    `${folder}/a.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]`,
    `${folder}/c.json:1:10: Map keys must be unique`,
  ]);
});

t.test('inject tells what is wrong with its arguments and files', async t => {
  const folder = t.testdir({ empty: {}, 'utf16.yaml': '' });
  const utf16 = join(folder, 'utf16.yaml');
  await writeFile(utf16, Buffer.from([0xff, 0xfe, 0x61, 0x00]));
  const cases = [
    [[], 'BadUsage', 'No input: name one with -f', /-f FOLDER, or -f - for stdin/],
    [['pod.yaml'], 'BadUsage', "Unexpected argument 'pod.yaml'", /-f FILE/],
    [['-f', '-', '-f', '-'], 'BadUsage', 'stdin (-f -) can be read only once', /--help/],
    [['-f', '-', '--profile', 'gvisr'], 'BadUsage', "--profile must be one of gvisor, not 'gvisr'", /'gvisor'/],
    [
      ['-f', '-', '--trigger', 'audt'],
      'BadUsage',
      "--trigger must be one of enforce, audit, pod, not 'audt'",
      /'audit'/,
    ],
    [
      ['-f', '-', '--trigger', 'pod', '--profile', 'gvisor'],
      'BadUsage',
      /^--profile has no meaning with --trigger pod/,
      /--help/,
    ],
    [
      ['-f', '-', '--trigger', 'audit', '--opt-out'],
      'BadUsage',
      /^--opt-out has no meaning with --trigger audit/,
      /--help/,
    ],
    [
      ['-f', join(folder, 'no.yaml')],
      'FileUnreadable',
      `Cannot read '${folder}/no.yaml': there is no such file or folder`,
      /with -f/,
    ],
    [
      ['-f', join(folder, 'empty')],
      'FileUnreadable',
      `Folder '${folder}/empty' holds no *.yaml, *.yml or *.json file`,
      /the manifests/,
    ],
    [['-f', utf16], 'DocumentInvalid', `Cannot use '${utf16}': it is not UTF-8 text`, /Save it as UTF-8/],
    [['-f', '-', '--policy', join(folder, 'no.yaml')], 'FileUnreadable', /policy file/, /--policy/],
  ] as const;
  for (const [args, code, message, hint] of cases) {
    const error = await refusalOf(inject, args);
    t.equal(error.code, code, args.join(' '));
    t.match(error.message, message, args.join(' '));
    t.match(error.hint, hint, args.join(' '));
  }
});

t.test('inject as a program: exit codes, help first an example, never a stack trace', async t => {
  const help = runProgram(['inject', '--help']);
  t.equal(help.code, 0);
  t.match(help.stdout, /^gvisor-injector inject -f /);

  t.strictSame(runProgram(['inject', '-f', '-'], POD), {
    code: 0,
    stdout: SANDBOXED,
    stderr: 'sandboxed 1 of 1 Pod or template\n',
  });
  const deniedPod = runProgram(['inject', '-f', '-'], OPT_OUT);
  t.equal(deniedPod.code, 3);
  t.equal(deniedPod.stdout, '');

  for (const [input, stderr] of [
    ['['.repeat(100_000), "error: Cannot use 'stdin': a fault\nstdin:1:302: nested more than 300 levels deep\n"],
    ['a: "\n', /^error: Cannot use 'stdin': a fault\nstdin:2:1: Missing closing "quote\n$/],
    [Buffer.from([0x80, 0]), /^error: Cannot use 'stdin': it is not UTF-8 text\nhint: /],
    ['\0', /^error: .*\nstdin:1:1: a control character/],
  ] as const) {
    const outcome = runProgram(['inject', '-f', '-'], input);
    t.equal(outcome.code, 2);
    t.equal(outcome.stdout, '');
    t.match(outcome.stderr, stderr);
    t.notMatch(outcome.stderr, /^\s+at /m, 'no stack trace');
  }
});
