import { Readable } from 'node:stream';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { RESOURCES } from '../../src/kube/resource.ts';
import { type WatchHandler, watchObjects } from '../../src/kube/watch.ts';
import { readWatchStream } from '../../src/kube/watch-stream.ts';
import { type Answer, type ApiServer, json, nodeList, nodeObject, serveApi, status, watchLine } from './api-server.ts';
import { clientOf, DEADLINE } from './client-trial.ts';
import { ManualClock } from './manual-clock.ts';

const NODES = { resource: RESOURCES.nodes };
const SILENCE = 300_000;
const list = json(nodeList('5', [nodeObject('4')]));

/** A watch stream with these lines, which then ends in some way. */
function stream(lines: readonly string[], end: 'end' | 'cut' | 'stay' = 'end'): Answer {
  return response => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const text = lines.join('');
    if (end === 'end') response.end(text);
    else if (end === 'stay') response.write(text);
    else response.write(text, () => response.socket?.destroy());
  };
}

function modified(version: string): string {
  return watchLine('MODIFIED', nodeObject(version));
}

function bookmark(version: string): string {
  return watchLine('BOOKMARK', { kind: 'Node', apiVersion: 'v1', metadata: { resourceVersion: version } });
}

const EXPIRED = {
  kind: 'Status',
  status: 'Failure',
  reason: 'Expired',
  message: 'too old resource version',
  code: 410,
};

interface Watched {
  readonly server: ApiServer;
  /** What the handler was told. */
  readonly told: string[];
  readonly clock: ManualClock;
  readonly controller: AbortController;
  readonly done: Promise<unknown>;
  /** Settles once the handler was told this. */
  readonly until: (what: string) => Promise<void>;
}

/** A watch of Nodes. Waits of at most `longest` milliseconds are over at once. */
async function watch(
  t: Test,
  answers: readonly [Answer, ...Answer[]],
  handler: Partial<WatchHandler> = {},
): Promise<Watched> {
  const server = await serveApi(t, answers);
  const clock = new ManualClock(delay => delay !== DEADLINE && delay !== SILENCE);
  const { client } = clientOf(t, server.access, { clock });
  const told: string[] = [];
  const waiting = new Set<() => void>();
  const tell = (what: string): void => {
    told.push(what);
    for (const wake of waiting) wake();
  };
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  const done = watchObjects({
    client,
    collection: NODES,
    fieldSelector: 'metadata.name=node-1',
    handler: {
      listed: objects => tell(`listed ${objects.map(versionOf).join()}`),
      changed: object => tell(`changed ${versionOf(object)}`),
      removed: object => tell(`removed ${versionOf(object)}`),
      troubled: (error, delay) => tell(`troubled ${error.failure} ${Math.round(delay)}`),
      recovered: () => tell('recovered'),
      ...handler,
    },
    clock,
    random: () => 0.5,
    signal: controller.signal,
  });
  done.catch(() => undefined);
  const until = async (what: string): Promise<void> => {
    while (!told.includes(what)) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const wake = (): void => resolve(undefined);
      waiting.add(wake);
      await promise;
      waiting.delete(wake);
    }
  };
  return { server, told, clock, controller, done, until };
}

function versionOf({ resourceVersion }: KubeObject): string {
  return resourceVersion;
}

/** The resourceVersion that each stream began at; `list` for a list. */
function beginnings({ requests }: ApiServer): readonly string[] {
  return requests.map(({ query }) => (query.has('watch') ? (query.get('resourceVersion') ?? '') : 'list'));
}

t.test('a watch lists once, tells every change, and goes on where a stream ended', async t => {
  const { server, told, controller, done, until } = await watch(t, [
    list,
    stream([modified('6'), watchLine('DELETED', nodeObject('7'))]),
    stream([watchLine('ADDED', nodeObject('8')), bookmark('20')]),
    stream([modified('21')], 'stay'),
  ]);
  await until('changed 21');
  t.strictSame(told, ['listed 4', 'changed 6', 'removed 7', 'changed 8', 'changed 21']);
  t.strictSame(beginnings(server), ['list', '5', '7', '20']);
  const [first, second] = server.requests;
  t.equal(first?.query.toString(), 'fieldSelector=metadata.name%3Dnode-1');
  t.equal(
    second?.query.toString(),
    'watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=2700&fieldSelector=metadata.name%3Dnode-1',
    'for half an hour to an hour: one or two calls in that time',
  );
  const reason = new Error('stop');
  controller.abort(reason);
  await t.rejects(done, reason);
});

t.test('a stream that is cut in the middle of a line loses nothing', async t => {
  const { server, told, until } = await watch(t, [
    list,
    stream([modified('6'), modified('7').slice(0, 20)], 'cut'),
    stream([modified('7')], 'stay'),
  ]);
  await until('changed 7');
  t.strictSame(told, ['listed 4', 'changed 6', 'troubled Unreachable 750', 'recovered', 'changed 7']);
  t.strictSame(beginnings(server), ['list', '5', '6']);
});

t.test('what the API server has forgotten is listed anew, however it says so', async t => {
  const { server, told, until } = await watch(t, [
    list,
    stream([modified('6'), watchLine('ERROR', EXPIRED)], 'stay'),
    json(nodeList('30', [nodeObject('29')])),
    status(410, 'Expired'),
    json(nodeList('40', [])),
    stream(['no JSON\n'], 'stay'),
    json(nodeList('50', [])),
    stream([modified('51')], 'stay'),
  ]);
  await until('changed 51');
  t.strictSame(beginnings(server), ['list', '5', 'list', '30', 'list', '40', 'list', '50']);
  t.strictSame(told, [
    'listed 4',
    'changed 6',
    'troubled Gone 750',
    'listed 29',
    'troubled Gone 1500',
    'listed ',
    'recovered',
    'troubled Unreadable 3000',
    'listed ',
    'recovered',
    'changed 51',
  ]);
});

t.test('a watch never stops, and asks a broken server less and less often', async t => {
  const broken = Array.from({ length: 10 }, () => status(403, 'Forbidden'));
  const { told, clock, until } = await watch(t, [list, ...broken, stream([modified('6')], 'stay')]);
  await until('changed 6');
  const delays = [750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500, 22_500, 22_500];
  t.strictSame(told, ['listed 4', ...delays.map(delay => `troubled Forbidden ${delay}`), 'recovered', 'changed 6']);
  t.strictSame(clock.fired, delays);
});

t.test('streams that end at once are not opened again at once', async t => {
  const { told, clock, until } = await watch(t, [
    list,
    stream([]),
    stream([]),
    stream([]),
    stream([modified('6')], 'stay'),
  ]);
  await until('changed 6');
  t.strictSame(clock.fired, [750, 1500, 3000]);
  t.strictSame(told, ['listed 4', 'changed 6'], 'which is no trouble worth a line');
});

t.test('a connection that is silent is given up, and one that speaks is not', async t => {
  const { server, told, clock, until } = await watch(t, [
    list,
    stream([modified('6')], 'stay'),
    stream([bookmark('9')], 'stay'),
    stream([modified('10')], 'stay'),
  ]);
  await until('changed 6');
  await clock.fire(SILENCE);
  while (beginnings(server).length < 3) await clock.fire(SILENCE).then(() => new Promise(setImmediate));
  await until('changed 10');
  t.strictSame(beginnings(server).slice(0, 2), ['list', '5']);
  t.equal(told.filter(what => what.startsWith('troubled')).length, 0);
  t.equal(clock.pending().filter(delay => delay === SILENCE).length, 1, 'one watchdog, whatever came');
});

t.test('what a handler throws ends the watch, and is not taken for trouble', async t => {
  const fault = new TypeError('our own');
  const fail = (): never => {
    throw fault;
  };
  const { done, told } = await watch(t, [list, stream([modified('6')], 'stay')], { changed: fail });
  await t.rejects(done, fault);
  t.strictSame(told, ['listed 4']);
  const listing = await watch(t, [list, stream([])], { listed: fail });
  await t.rejects(listing.done, fault);
});

t.test('wherever a stream is cut, each event comes once and in order', async t => {
  const names = fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { minLength: 1, maxLength: 6 });
  const property = fc.asyncProperty(names, fc.array(fc.nat(2000)), fc.nat(2000), async (labels, cuts, end) => {
    const lines = labels.map((label, index) => watchLine('MODIFIED', nodeObject(String(index + 1), { label })));
    const whole = Buffer.from(lines.join(''));
    const bytes = whole.subarray(0, end);
    const places = [
      0,
      ...cuts.map(cut => Math.min(cut, bytes.length)).toSorted((left, right) => left - right),
      bytes.length,
    ];
    const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
    const seen: unknown[] = [];
    const { resourceVersion, error } = await readWatchStream(Readable.from(chunks, { objectMode: false }), {
      call: { verb: 'watch', target: 'nodes' },
      resourceVersion: '0',
      handler: { changed: ({ content }) => seen.push(content), removed: () => t.fail('nothing was removed') },
      watchdog: () => () => undefined,
    });
    const complete = bytes.toString('latin1').split('\n').length - 1;
    t.equal(error, undefined);
    t.equal(resourceVersion, String(complete), 'where the next stream begins');
    t.strictSame(
      seen,
      labels.slice(0, complete).map((label, index) => nodeObject(String(index + 1), { label })),
    );
  });
  await fc.assert(property, { numRuns: 60 });
});
