import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { exitCode } from '../support/answers.ts';
import { podOf } from '../support/pod.ts';
import { serveFlags, startServe } from '../support/serve.ts';
import { certificates, send, trustingAgent } from '../support/webhook.ts';

const REVIEW = JSON.stringify(exampleReview(podOf()));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function post(port: number) {
  const agent = trustingAgent({ keepAlive: false });
  const headers = { 'content-type': 'application/json' };
  return await send({ port, path: '/mutate/enforce/gvisor', method: 'POST', agent, headers }, REVIEW);
}

t.test('serve ends with exit code 0 after SIGTERM, having served until then', async t => {
  const { child, lines, output, port } = startServe([...serveFlags(t), '--drain-seconds', '1']);
  t.equal((await post(await port)).status, 200);
  child.kill('SIGTERM');
  while (lines.at(-1)?.['message'] !== 'draining before the stop') await delay(10);
  const last = await post(await port);
  t.match([last.status, last.headers.connection], [200, 'close']);
  t.equal(await exitCode(child), 0);
  t.equal(output.stderr, '', 'nothing on stderr');
  t.equal(lines.filter(line => line['message'] === 'admission decision').length, 2, 'a record for each');
});

t.test('a second SIGTERM stops at once', async t => {
  const { child, lines, port } = startServe([...serveFlags(t), '--drain-seconds', '3000']);
  await port;
  child.kill('SIGTERM');
  while (lines.at(-1)?.['message'] !== 'draining before the stop') await delay(10);
  child.kill('SIGTERM');
  t.equal(await exitCode(child), null, 'ended by the signal');
});

t.test('serve stops when nobody reads its log any more: no decision goes unrecorded', async t => {
  const { child, output, port } = startServe(serveFlags(t));
  const number = await port;
  child.stdout?.destroy();
  await post(number);
  t.equal(await exitCode(child), 1);
  t.match(output.stderr, /^error: Cannot write the log to stdout: EPIPE\nhint: /);
});

t.test(
  'serve stops when its log is read no more: it does not hang for ever, and answers nothing unrecorded',
  async t => {
    const port = await freePort();
    const flags = serveFlags(t).with(serveFlags(t).indexOf('--port') + 1, String(port));
    // Nobody ever reads its stdout, as when a log collector hangs.
    const child = spawn(process.execPath, ['src/cli/main.ts', 'serve', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = exitCode(child);
    const errors = child.stderr.setEncoding('utf8').toArray();
    const isServing = async () =>
      await post(port).then(
        () => true,
        () => false,
      );
    while (!(await isServing())) await delay(20);
    let answered = 0;
    while (child.exitCode === null && answered < 5000 && (await isServing())) answered++;
    t.equal(await ended, 1, `after ${answered} answers`);
    t.match((await errors).join(''), /^error: Cannot write the log to stdout: EAGAIN\nhint: /);
  },
);

t.test('serve says what is wrong with its flags and files, without a stack', async t => {
  const good = serveFlags(t);
  const folder = t.testdirName;
  for (const [args, code, message] of [
    [[], 2, /^error: --cert and --key are needed\nhint: .*demo --serve/],
    [[...good, '--prot', '1'], 2, /^error: Unknown flag '--prot'\nhint: Did you mean '--port'\?/],
    [[...good, '--port'], 2, /^error: Flag '--port' needs a value/],
    [[...good, '--port', '70000'], 2, /^error: --port must be a whole number from 0 to 65535, not '70000'/],
    [[...good, '--drain-seconds', 'soon'], 2, /^error: --drain-seconds must be a whole number/],
    [[...good, '--namespace', 'Bad NS!'], 2, /^error: --namespace must be a DNS-1123 label/],
    [[...good, 'extra'], 2, /^error: Unexpected argument 'extra'/],
    [[...good, '--require-client-certificate'], 2, /^error: --require-client-certificate needs --client-ca/],
    [[...good, '--require-client-certificate=yes'], 2, /^error: Flag '--require-client-certificate' takes no value/],
    [
      [...good, '--client-ca', join(folder, 'none.crt')],
      2,
      /^error: Cannot read the client authorities '.*none\.crt': ENOENT/,
    ],
    [
      [...good, '--client-ca', join(folder, 'empty.crt')],
      2,
      /^error: Cannot use '.*empty\.crt' as the CA bundle: it holds no PEM certificate/,
    ],
    [
      [...good, '--policy', join(folder, 'none.yaml')],
      2,
      /^error: Cannot read the policy file '.*none\.yaml': ENOENT\nhint: /,
    ],
    [
      [...good, '--policy', 'test/fixtures/faulty-policies/syntax.yaml'],
      2,
      /^error: Cannot use the policy .*: 2 faults\n.*syntax\.yaml:5:1: /,
    ],
    [
      [...good, '--host', '192.0.2.1'],
      1,
      /^error: Cannot listen on 192\.0\.2\.1, port 0: EADDRNOTAVAIL\nhint: Name an address of this machine with --host/,
    ],
  ] as const) {
    const { child, output } = startServe(args);
    t.equal(await exitCode(child), code, args.join(' '));
    t.match(output.stderr, message);
    t.notMatch(output.stderr, /\n {4}at /, 'no stack');
  }
});

t.test('serve verifies client certificates against --client-ca', async t => {
  const flags = serveFlags(t);
  const { child, lines, port } = startServe([
    ...flags,
    '--client-ca',
    join(t.testdirName, 'ca.crt'),
    '--require-client-certificate',
    '--drain-seconds',
    '0',
  ]);
  t.equal((await post(await port)).status, 401);
  const { certificate: cert, key } = certificates.client;
  const agent = trustingAgent({ keepAlive: false, cert, key });
  const headers = { 'content-type': 'application/json' };
  const answer = await send(
    { port: await port, path: '/mutate/enforce/gvisor', method: 'POST', agent, headers },
    REVIEW,
  );
  t.equal(answer.status, 200);
  t.equal(lines.at(-1)?.['clientCertificate'], 'verified');
  child.kill('SIGTERM');
  t.equal(await exitCode(child), 0);
});
