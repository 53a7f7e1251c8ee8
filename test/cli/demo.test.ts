import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { exitCode } from '../support/answers.ts';
import { parseObject, send } from '../support/webhook.ts';

function startDemo(folder: string, args: readonly string[]) {
  mkdirSync(folder, { recursive: true });
  const child = spawn(process.execPath, ['src/cli/main.ts', 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], TMPDIR: folder },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return { child, output };
}

t.test(
  'the demo shows each decision, the patch, the Pod and the audit, ends by itself and leaves nothing behind',
  async t => {
    const folder = join(t.testdir({}), 'run');
    const { child, output } = startDemo(folder, []);
    t.equal(await exitCode(child), 0);
    for (const reason of [
      'Sandboxed',
      'OptedOut',
      'OptOutForbidden',
      'RuntimeClassConflict',
      'RuntimeFlagForbidden',
      'Incompatible',
    ]) {
      t.match(output.stdout, new RegExp(`decision +\\w+, ${reason}\\b`), reason);
      t.match(output.stdout, new RegExp(`^[12] +${reason} `, 'm'), `${reason} is in the audit`);
    }
    t.match(output.stdout, /\+ {3}runtimeClassName: gvisor/, 'the Pod with what was added');
    t.match(output.stdout, /audit only: would be sandboxed/);
    t.equal(output.stderr, '');
    t.strictSame(readdirSync(folder), [], 'nothing is left');
  },
);

t.test('demo --serve goes on answering until it is told to stop', async t => {
  const folder = join(t.testdir({}), 'serve');
  const { child, output } = startDemo(folder, ['--serve']);
  while (!output.stdout.includes('curl --cacert')) await once(child.stdout, 'data');
  const [, ca = '', review = '', port = '', path = ''] =
    /curl --cacert (\S+) .* --data @(\S+) https:\/\/127\.0\.0\.1:(\d+)(\S+)/.exec(output.stdout) ?? [];
  const answer = await send(
    { port, path, method: 'POST', ca: readFileSync(ca), headers: { 'content-type': 'application/json' }, agent: false },
    readFileSync(review),
  );
  t.match(parseObject(answer.text), { kind: 'AdmissionReview', response: { allowed: true, patchType: 'JSONPatch' } });
  child.kill('SIGINT');
  t.equal(await exitCode(child), 0);
  t.strictSame(readdirSync(folder), [], 'nothing is left');
});

t.test('a demo whose reader goes away ends quietly and leaves nothing behind either', async t => {
  const folder = join(t.testdir({}), 'broken');
  const { child, output } = startDemo(folder, []);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  t.equal(await exitCode(child), 1);
  t.equal(output.stderr, '');
  t.strictSame(readdirSync(folder), [], 'nothing is left');
});
