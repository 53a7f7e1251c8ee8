import t from 'tap';
import { check } from '../../src/cli/check.ts';
import { refusalOf, runCommand, runProgram } from './manifest-command.ts';

const MANIFESTS = `apiVersion: v1
kind: Namespace
metadata: {name: team-a, annotations: {sandbox: gvisor}}
---
apiVersion: v1
kind: Pod
metadata: {name: "fine\\e[31m", namespace: team-a, labels: {sandbox: gvisor}}
spec: {}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      hostNetwork: true
      hostPID: true
      nodeName: node-1
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: build-}
spec:
  template:
    metadata: {annotations: {sandbox: gvisr}}
    spec: {}
`;

t.test('check prints a row for each Pod or template, then what a person needs to know', async t => {
  const { code, stdout, stderr } = await runCommand(check, ['-f', '-'], MANIFESTS);
  t.equal(code, 3);
  t.equal(stderr, '');
  t.equal(
    stdout,
    `WHERE     OBJECT              OUTCOME  REASON          FINDINGS
stdin:5   Pod/fine\\u{1b}[31m  patched  Sandboxed
stdin:10  Deployment/web      denied   Incompatible    HostNetwork,HostPID,NodeNamePreset
stdin:20  Job/build-*         denied   UnknownProfile

stdin:5:1: Pod/fine\\u{1b}[31m: label "sandbox" does nothing on a Pod; write it among metadata.annotations
stdin:10:1: Deployment/web: gVisor cannot run this Pod: spec.hostNetwork: a sandbox has no host network, the Pod would get an empty one; change these fields, or run it where no sandbox is asked for
stdin:10:1: Deployment/web: HostNetwork (error): spec.hostNetwork: a sandbox has no host network, the Pod would get an empty one
stdin:10:1: Deployment/web: HostPID (ignored): spec.hostPID: ignored, a sandbox sees only the processes of its own Pod
stdin:10:1: Deployment/web: NodeNamePreset (changed): spec.nodeName: not scheduled, the Pod fails if that node is not ready for sandboxes
stdin:20:1: Job/build-*: annotation sandbox="gvisr" names no profile; did you mean "gvisor"? the profiles are gvisor
stdin:1:1: Namespace/team-a: annotation "sandbox" does nothing on a Namespace; write it among metadata.labels
`,
  );
});

t.test('check --output json gives one object a Pod', async t => {
  const { code, stdout, stderr } = await runCommand(check, ['-f', '-', '--output', 'json'], MANIFESTS);
  t.equal(code, 3);
  t.equal(
    stderr,
    'stdin:1:1: Namespace/team-a: annotation "sandbox" does nothing on a Namespace; write it among metadata.labels\n',
  );
  const objects: unknown = JSON.parse(stdout);
  t.match(objects, [
    {
      file: 'stdin',
      line: 5,
      kind: 'Pod',
      namespace: 'team-a',
      name: 'fine\u001b[31m',
      outcome: 'patched',
      reason: 'Sandboxed',
      profile: 'gvisor',
      message: 'sandboxed by profile "gvisor"',
      findings: [],
      warnings: ['label "sandbox" does nothing on a Pod; write it among metadata.annotations'],
      patch: [
        { op: 'add', path: '/spec/runtimeClassName', value: 'gvisor' },
        { op: 'add', path: '/spec/nodeSelector', value: { 'gvisor-injector/runsc': 'ready' } },
        { op: 'add', path: '/spec/tolerations' },
      ],
    },
    {
      line: 10,
      kind: 'Deployment',
      namespace: 'default',
      name: 'web',
      outcome: 'denied',
      reason: 'Incompatible',
      findings: [
        { code: 'HostNetwork', severity: 'error', path: 'spec.hostNetwork' },
        { code: 'HostPID', severity: 'ignored', path: 'spec.hostPID' },
        { code: 'NodeNamePreset', severity: 'changed', path: 'spec.nodeName' },
      ],
      patch: [],
    },
    { line: 20, kind: 'Job', name: 'build-*', outcome: 'denied', reason: 'UnknownProfile', findings: [], patch: [] },
  ]);
  t.equal(Array.isArray(objects) && objects.length, 3);
});

t.test('check exits 0 where no Pod would be denied: nothing asks, the policy warns, or audit only decides', async t => {
  const policy = `${t.testdir({ 'policy.yaml': 'apiVersion: gvisor-injector/v1alpha1\nkind: SandboxPolicy\nincompatible: warn\nprofiles: [{name: gvisor}]\n' })}/policy.yaml`;
  const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostNetwork: true}\n';
  t.equal((await runCommand(check, ['-f', '-'], pod)).code, 3);
  t.match(await runCommand(check, ['-f', '-', '--trigger', 'pod'], pod), {
    code: 0,
    stdout: / allowed {2}NotRequested\n$/,
  });
  t.match(await runCommand(check, ['-f', '-', '--policy', policy], pod), {
    code: 0,
    stdout: / patched {2}Incompatible/,
  });
  t.match(await runCommand(check, ['-f', '-', '--trigger', 'audit'], pod), {
    code: 0,
    stdout: / denied {3}Incompatible/,
  });
});

t.test('check without any Pod says so', async t => {
  const stderr = 'no Pod and no workload template in the input: there was nothing to check\n';
  t.strictSame(await runCommand(check, ['-f', '-'], ''), { code: 0, stdout: '', stderr });
  t.strictSame(await runCommand(check, ['-f', '-', '--output', 'json'], ''), { code: 0, stdout: '[]\n', stderr });
});

t.test('check as a program: help first an example, faults in the input exit 2 without a stack trace', async t => {
  const help = runProgram(['check', '--help']);
  t.equal(help.code, 0);
  t.match(help.stdout, /^gvisor-injector check -f /);
  t.equal(runProgram(['check', '-f', '-'], MANIFESTS).code, 3);
  t.strictSame(runProgram(['check', '-f', '-'], 'apiVersion: v1\nkind: Pod\nspec: []\n'), {
    code: 2,
    stdout: '',
    stderr: "error: Cannot use 'stdin': a fault\nstdin:3:7: Pod/(no name): spec must be an object, found an array\n",
  });
  t.match(await refusalOf(check, ['-f', '-', '--output', 'jsn']), {
    code: 'BadUsage',
    message: "--output must be one of table, json, not 'jsn'",
    hint: "Did you mean 'json'? Run 'gvisor-injector check --help' for its flags",
  });
  t.match(await refusalOf(check, ['pod.yaml']), {
    hint: "Every input has a flag, such as -f FILE. Run 'gvisor-injector check --help' for its flags",
  });
  for (const namespace of ['default', 'kube-system', 'a'.repeat(58), '-x']) {
    t.match(await refusalOf(check, ['-f', '-', `--namespace=${namespace}`]), { code: 'BadUsage', message: namespace });
  }
});
