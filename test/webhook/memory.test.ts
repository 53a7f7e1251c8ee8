import { readFileSync } from 'node:fs';
import t from 'tap';
import { MEMORY_LIMIT_MEBIBYTES, NODE_OPTIONS } from '../../src/manifest/webhook-container.ts';
import { DEFAULT_LIMITS } from '../../src/webhook/limits.ts';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { exitCode } from '../support/answers.ts';
import { podOf } from '../support/pod.ts';
import { serveFlags, startServe } from '../support/serve.ts';
import { send, trustingAgent } from '../support/webhook.ts';

const COUNT = DEFAULT_LIMITS.values - 50;

function listOf(item: string, count: number): string {
  return `[${`${item},`.repeat(count - 1)}${item}]`;
}

/** Bodies that cost the most memory for what is let in, and larger ones that must be turned away before they are parsed. */
const BODIES: Readonly<Record<string, (count: number) => string>> = {
  'empty arrays': count => listOf('[]', count / 2),
  'empty objects': count => listOf('{}', count / 2),
  'one-item arrays': count => listOf('[1]', count / 2),
  'distinct keys': count => `{${Array.from({ length: count }, (_, index) => `"k${index.toString(36)}":0`).join(',')}}`,
  'objects of distinct keys': count =>
    `[${Array.from({ length: count / 2 }, (_, index) => `{"k${index.toString(36)}":0}`).join(',')}]`,
  'distinct strings': count =>
    `[${Array.from({ length: count }, (_, index) => String.raw`"${index.toString(36)}\n"`).join(',')}]`,
  'a duplicate among distinct keys': count => {
    const keys = Array.from({ length: count - 1 }, (_, index) => `"k${'x'.repeat(25)}${index.toString(36)}":0`);
    return `{${[...keys, keys.at(-1)].join(',')}}`;
  },
  'long text in many alphabets': count => `["${'\u{1f600}é'.repeat(count * 6)}"]`,
};

t.test('no body ends the process with the heap that the Deployment gives it', async t => {
  const flags = [...serveFlags(t), '--drain-seconds', '0'];
  const { child, port } = startServe(flags, { environment: { NODE_OPTIONS } });
  const agent = trustingAgent({ keepAlive: true });
  const request = {
    port: await port,
    path: '/mutate/enforce/gvisor',
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json' },
  };
  const good = JSON.stringify(exampleReview(podOf()));
  const large = JSON.stringify(exampleReview(podOf({}, { annotations: { note: 'x'.repeat(7_900_000) } })));
  for (const [name, bodyOf] of Object.entries(BODIES)) {
    const pod = (count: number) => good.replace('"nginx"', () => bodyOf(count));
    for (let round = 0; round < 3; round++)
      t.equal((await send(request, pod(COUNT))).status, name.includes('duplicate') ? 400 : 200, name);
    const flood = await Promise.all([1, 2, 3, 4].map(async () => await send(request, pod(COUNT * 2))));
    for (const { status } of flood) t.ok([200, 400, 413, 429].includes(status), `${name}, twice as much: ${status}`);
    t.equal((await send(request, good)).status, 200, 'the next request is served');
  }
  t.equal((await send(request, large)).status, 200, 'as much text as is let in');
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const peakMebibytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  t.ok(peakMebibytes < MEMORY_LIMIT_MEBIBYTES, `peak ${Math.round(peakMebibytes)} MiB of ${MEMORY_LIMIT_MEBIBYTES}`);
  child.kill('SIGTERM');
  agent.destroy();
  t.equal(await exitCode(child), 0, 'it lived to the end');
});

t.test('a body with more members and items than allowed is refused with their number', async t => {
  const { parseJsonBody } = await import('../../src/webhook/json-body.ts');
  const limits = { depth: 10, values: 5 };
  t.strictSame(parseJsonBody(Buffer.from('[1,2,3,"a,b{[:",{"k":[]}]'), { ...limits, values: 8 }), [
    1,
    2,
    3,
    'a,b{[:',
    { k: [] },
  ]);
  t.throws(() => parseJsonBody(Buffer.from('[1,2,3,4,5,6]'), limits), {
    code: 'BodyTooLarge',
    message: /6 members and items; 5 are accepted/,
  });
});
