import type { ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import t from 'tap';
import { systemClock } from '../../src/certificates/clock.ts';
import { nameOf, parseMirror } from '../../src/node/payload/mirror-address.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import { ARCHIVE_NAME, PAYLOAD_LIMITS, type PayloadMirror, type PayloadPin } from '../../src/node/payload/payload.ts';
import { readLocalPin } from '../../src/node/payload/pin.ts';
import { verifyPayload } from '../../src/node/payload/verify-payload.ts';
import { ManualClock } from '../certificates/manual-clock.ts';
import { type Answer, type MirrorServer, startMirrorServer } from './mirror-server.ts';
import { makeHost, refuse } from './payload-host.ts';
import { archiveOf, archivePin, currentParts, entriesOf, looseParts, partsPin, RELEASE } from './payload-parts.ts';

const BASE = '/gvisor/releases';
const PATH = `${BASE}/release/${RELEASE}/x86_64/${ARCHIVE_NAME}`;
const ARCHIVE = await archiveOf(entriesOf(currentParts()));
const PIN = archivePin(ARCHIVE);

function mirrorOf(server: MirrorServer, overrides: Partial<PayloadMirror> = {}): PayloadMirror {
  const base = parseMirror(`${server.origin}${BASE}/`);
  return { kind: 'mirror', base, authority: server.authority, clock: systemClock, ...overrides };
}

t.test('a mirror gives a current release as its archive, and an older one as loose files', async t => {
  await using server = await startMirrorServer();
  const host = makeHost(t);
  server.answers.set(PATH, ARCHIVE);
  const source = mirrorOf(server);
  t.match(await installPayload(host.files, { source, pin: PIN }), { outcome: 'installed' });
  t.strictSame(await verifyPayload(host.files, RELEASE), []);
  t.match(await installPayload(host.files, { source, pin: PIN }), { outcome: 'present' });
  t.strictSame(server.asked, [PATH], 'what is there is not asked for again');

  const folder = `${BASE}/release/20260817.0/x86_64`;
  for (const [name, content] of Object.entries(looseParts())) server.answers.set(`${folder}/${name}`, content);
  const pin = partsPin(looseParts(), { release: '20260817.0' });
  t.match(await installPayload(host.files, { source, pin }), { outcome: 'installed' });
  t.strictSame(await verifyPayload(host.files, '20260817.0'), []);
  t.strictSame(await host.files.list('/opt/gvisor-injector/releases'), ['20260817.0', RELEASE]);
});

t.test('an answer that is not the archive ends with a reason, and the host as it was', async t => {
  await using server = await startMirrorServer();
  const host = makeHost(t);
  const half = ARCHIVE.subarray(0, ARCHIVE.length / 2);
  const cases: readonly (readonly [string, Answer | undefined, readonly [string, RegExp]])[] = [
    ['a 404 with a page', undefined, ['PayloadUnavailable', /gvisor\.tar\.zstd answered 404 Not Found$/]],
    ['500', status(500), ['PayloadUnavailable', /answered 500 Internal Server Error$/]],
    ['206', status(206), ['PayloadUnavailable', /answered 206/]],
    [
      'a page instead',
      page,
      ['PayloadChecksumMismatch', /has 17 bytes \(as text\/html\) with the sha512 [0-9a-f]{16}…, and/],
    ],
    ['half', answer(half, half.length), ['PayloadChecksumMismatch', /and [0-9a-f]{16}… is pinned/]],
    ['a broken connection', broken(half), ['PayloadTruncated', /broke off after \d+ of \d+ bytes/]],
    ['a broken stream', broken(half, { isChunked: true }), ['PayloadTruncated', /broke off after \d+ bytes/]],
    ['less than declared', lessThanDeclared(half), ['PayloadTruncated', /broke off after \d+ of \d+ bytes/]],
    ['a huge file', huge, ['PayloadInvalid', /has more than \d+ bytes/]],
    ['an encoding', encoded, ['PayloadInvalid', /comes in the encoding 'br', which nobody asked for/]],
    ['no HTTP', noHttp, ['PayloadUnavailable', /cannot reach https:\/\/localhost:\d+\/.+: HPE_/]],
    [
      'a redirect to http',
      redirect('http://localhost/x'),
      ['PayloadUnavailable', /redirects to http:\/\/localhost\/x, which/],
    ],
    ['a redirect to nowhere', redirect('http://'), ['PayloadUnavailable', /redirects to no address/]],
    ['a redirect in circles', redirect(PATH), ['PayloadUnavailable', /redirects more than 3 times/]],
  ];
  for (const [what, given, expected] of cases) {
    t.comment(what);
    if (given === undefined) server.answers.delete(PATH);
    else server.answers.set(PATH, given);
    await refuse(t, host, { source: mirrorOf(server), pin: PIN }, expected);
  }
  await server.idle();
  t.equal(server.asked.length, cases.length + 3, 'three redirects are followed');
  server.answers.set(PATH, endless);
  const limits = { ...PAYLOAD_LIMITS, archiveBytes: 100_000 };
  const request = { source: mirrorOf(server), pin: PIN, limits };
  await refuse(t, host, request, ['PayloadInvalid', /has more than 100000 bytes/]);
});

t.test('a redirect within https is followed, and a query in it is nobody’s to read', async t => {
  await using server = await startMirrorServer();
  const host = makeHost(t);
  server.answers.set(PATH, redirect('/elsewhere?token=secret'));
  const request = { source: mirrorOf(server), pin: PIN };
  await refuse(t, host, request, ['PayloadUnavailable', /\/elsewhere answered 404 Not Found$/]);
  server.answers.set('/elsewhere?token=secret', ARCHIVE);
  t.match(await installPayload(host.files, request), { outcome: 'installed' });
});

t.test('only a server that the authorities vouch for is a mirror', async t => {
  await using server = await startMirrorServer();
  await using other = await startMirrorServer();
  const host = makeHost(t);
  server.answers.set(PATH, ARCHIVE);
  const wrong = mirrorOf(server, { authority: other.authority });
  await refuse(t, host, { source: wrong, pin: PIN }, [
    'PayloadUnavailable',
    /cannot reach .+: [A-Z_]*(?:CERT|SIGNATURE)/,
  ]);
  const none = mirrorOf(server, { authority: undefined });
  await refuse(t, host, { source: none, pin: PIN }, [
    'PayloadUnavailable',
    /cannot reach .+: [A-Z_]*(?:CERT|SIGNATURE)/,
  ]);
  const address = mirrorOf(server, { base: parseMirror(`${server.origin.replace('localhost', '127.0.0.1')}${BASE}`) });
  await refuse(t, host, { source: address, pin: PIN }, [
    'PayloadUnavailable',
    /ERR_TLS_CERT_ALTNAME_INVALID|ECONNREFUSED/,
  ]);
  const closed = mirrorOf(server, { base: parseMirror('https://localhost:1/') });
  await refuse(t, host, { source: closed, pin: PIN }, ['PayloadUnavailable', /ECONNREFUSED/]);
  t.strictSame(server.asked, []);
});

t.test('a mirror that stalls is waited for as long as the clock says', async t => {
  await using server = await startMirrorServer();
  const host = makeHost(t);
  const { stallSeconds, deadlineSeconds } = PAYLOAD_LIMITS;
  const cases: readonly (readonly [string, Answer, number, RegExp])[] = [
    ['before its answer', () => undefined, stallSeconds, /sent nothing for 30 s/],
    ['in the middle', stalls, stallSeconds, /sent nothing for 30 s/],
    ['too slow', stalls, deadlineSeconds, /took longer than 900 s/],
  ];
  for (const [what, given, wait, sentence] of cases) {
    t.comment(what);
    const isAsked = Promise.withResolvers<undefined>();
    server.answers.set(PATH, (response, request) => {
      given(response, request);
      isAsked.resolve(undefined);
    });
    const clock = new ManualClock(new Date());
    const request = { source: mirrorOf(server, { clock }), pin: PIN };
    const refused = refuse(t, host, request, ['PayloadUnavailable', sentence]);
    await isAsked.promise;
    await clock.run(wait * 1000);
    await refused;
    t.strictSame(clock.pending(), [], 'no timer is left');
  }
});

t.test('a mirror is an https address, and what it is asked for is pinned', async t => {
  await using server = await startMirrorServer();
  const host = makeHost(t);
  for (const text of [
    '',
    'mirror',
    'http://mirror/',
    'https://user:secret@mirror/',
    'https://mirror/?a',
    'ftp://mirror/',
  ]) {
    t.throws(() => parseMirror(text), { code: 'BadUsage' }, text);
  }
  t.equal(nameOf(new URL('https://user:secret@mirror:8443/a/b?token=1#x')), 'https://mirror:8443/a/b');
  const source = mirrorOf(server);
  await t.rejects(readLocalPin(source, PIN), { code: 'BadUsage', message: /needs a sha512/ });
  const refusals: readonly (readonly [Partial<PayloadPin>, RegExp])[] = [
    [{ release: 'latest' }, /holds releases such as 20260914\.0, and latest is none/],
    [{ release: '20260914' }, /20260914 is none/],
    [{ sums: new Map() }, /needs a sum of gvisor\.tar\.zstd, or of each part/],
    [partsPin(currentParts()), /has a sum of 'gvisor-bin\/gvisor_sentry'/],
  ];
  for (const [overrides, sentence] of refusals) {
    await refuse(t, host, { source, pin: { ...PIN, ...overrides } }, ['PayloadInvalid', sentence]);
  }
  t.strictSame(server.asked, [], 'nothing was asked');
});

function status(code: number): Answer {
  return response => response.writeHead(code).end('<html>sorry</html>');
}

function answer(content: Buffer, length: number): Answer {
  return response => response.writeHead(200, { 'content-length': length }).end(content);
}

function redirect(location: string): Answer {
  return response => response.writeHead(302, { location }).end();
}

const page: Answer = response => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>ok</html>\r\n');
const encoded: Answer = response => response.writeHead(200, { 'content-encoding': 'br' }).end(ARCHIVE);
const huge: Answer = response => response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders();
const noHttp: Answer = response => response.socket?.end('hello\r\n\r\n');

/** Sends the head and some bytes, and then nothing. */
const stalls: Answer = response => {
  response.writeHead(200, { 'content-length': ARCHIVE.length }).write(ARCHIVE.subarray(0, 10));
};

/** Ends its connection in the middle. */
function broken(half: Buffer, { isChunked = false } = {}): Answer {
  return response => {
    response.writeHead(200, isChunked ? {} : { 'content-length': ARCHIVE.length });
    response.write(half, () => response.socket?.destroy());
  };
}

/** Declares more than it has, and ends in good order. */
function lessThanDeclared(half: Buffer): Answer {
  return response => {
    response.writeHead(200, { 'content-length': ARCHIVE.length });
    response.write(half, () => response.socket?.end());
  };
}

/** Sends for as long as somebody takes it. */
function endless(response: ServerResponse): void {
  response.writeHead(200);
  pipeline(Readable.from(manyPieces()), response, () => undefined);
}

function* manyPieces(): Iterable<Buffer> {
  for (;;) yield Buffer.alloc(16_384);
}
