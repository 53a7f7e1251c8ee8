import t, { type Test } from 'tap';
import * as v from 'valibot';
import { connectPeer, type Connection, type MethodCall } from '../../src/node/systemd/connection.ts';
import { encodeMessage, MAXIMUM_MESSAGE_BYTES, type Message } from '../../src/node/systemd/wire-message.ts';
import { type Peer, type PeerScript, type ReceivedCall, startPeer } from './systemd-peer.ts';

const CALL: MethodCall = { path: '/a', interface: 'a.b', member: 'Ask', timeoutMilliseconds: 5000 };
const Text = v.tuple([v.string()]);
/** Long enough for an answer that comes, short enough to wait for one that does not. */
const SHORT_MILLISECONDS = 40;

async function connected(
  t: Test,
  script: PeerScript,
): Promise<{ readonly peer: Peer; readonly connection: Connection }> {
  const peer = await startPeer(t, script);
  const connection = await connectPeer({ socket: peer.socket, uid: 1234, timeoutMilliseconds: 5000 });
  t.teardown(async () => await connection.close());
  return { peer, connection };
}

function echo(call: ReceivedCall): void {
  call.reply('s', call.values);
}

const ask = (text: string): MethodCall => ({ ...CALL, signature: 's', values: [text] });

t.test('a connection authenticates by the user id and sends calls without a bus', async t => {
  const { peer, connection } = await connected(t, { answer: echo });
  t.strictSame(await connection.call(ask('hello'), Text), ['hello']);
  t.strictSame(peer.authentications, ['\0AUTH EXTERNAL 31323334\r\nBEGIN\r\n'], 'the digits of 1234 in hexadecimal');
  t.equal(peer.calls.length, 1, 'no Hello');
  t.match(peer.calls[0], { kind: 'call', path: '/a', interface: 'a.b', member: 'Ask' });
});

t.test('a peer that does not accept us is an error that says why', async t => {
  const cases: readonly (readonly [string | undefined, RegExp])[] = [
    ['REJECTED EXTERNAL', /authentication refused: 'REJECTED EXTERNAL'/],
    [undefined, /closed|ECONNRESET|EPIPE/],
    ['', /not accepted within 40 ms/],
    ['O'.repeat(2000), /too long/],
  ];
  for (const [greeting, message] of cases) {
    const { socket } = await startPeer(t, { greeting });
    const attempt = connectPeer({ socket, uid: 0, timeoutMilliseconds: greeting === '' ? SHORT_MILLISECONDS : 5000 });
    await t.rejects(attempt, { name: 'ConnectionError', message }, greeting ?? 'hangs up');
  }
  const nobody = connectPeer({ socket: '/nothing/there', uid: 0, timeoutMilliseconds: 5000 });
  await t.rejects(nobody, { name: 'ConnectionError', message: 'ENOENT' });
});

t.test('answers find their calls in any order, and in any pieces', async t => {
  const waiting: ReceivedCall[] = [];
  const { connection } = await connected(t, {
    answer: call => {
      waiting.push(call);
      if (waiting.length < 3) return;
      for (const each of waiting.toReversed()) echo(each);
    },
  });
  const answers = await Promise.all(['one', 'two', 'three'].map(async text => await connection.call(ask(text), Text)));
  t.strictSame(answers, [['one'], ['two'], ['three']]);

  const slow = await connected(t, {
    answer: call => {
      const replySerial = call.message.serial;
      const reply = encodeMessage({ kind: 'reply', serial: 1, replySerial, signature: 's', values: ['slow'] });
      for (const byte of reply) call.send(Uint8Array.of(byte));
    },
  });
  t.strictSame(await slow.connection.call(CALL, Text), ['slow'], 'byte by byte');
});

t.test('a refusal has its name and text, and an answer of another type is no answer', async t => {
  const { connection } = await connected(t, {
    answer: call => {
      if (call.message.member === 'Ask') call.refuse('a.b.NoSuchThing', 'There is none');
      else call.reply('u', [1]);
    },
  });
  const refusal = { name: 'RefusalError', errorName: 'a.b.NoSuchThing', message: 'There is none' };
  await t.rejects(connection.call(CALL, Text), refusal);
  await t.rejects(connection.call({ ...CALL, member: 'Other' }, Text), { name: 'ConnectionError', message: /expect/ });
  t.ok(connection.isOpen, 'other calls go on');
});

t.test('a call has a deadline, and an answer that is too late is dropped', async t => {
  let late: ReceivedCall | undefined;
  const { connection } = await connected(t, {
    answer: call => {
      if (late !== undefined) {
        echo(late);
        return echo(call);
      }
      late = call;
    },
  });
  const short = { ...ask('first'), timeoutMilliseconds: SHORT_MILLISECONDS };
  await t.rejects(connection.call(short, Text), { message: 'no answer to Ask within 40 ms' });
  t.strictSame(await connection.call(ask('second'), Text), ['second']);
});

t.test('signals are told to who listens, for as long as they do', async t => {
  const { connection } = await connected(t, {
    answer: call => {
      call.signal('Happened', 's', ['x']);
      echo(call);
    },
  });
  const heard: (string | undefined)[] = [];
  const stop = connection.onSignal((signal: Message) => heard.push(signal.member));
  await connection.call(ask('a'), Text);
  stop();
  await connection.call(ask('b'), Text);
  t.strictSame(heard, ['Happened']);
});

t.test('a peer that says nonsense, too much, or nothing any more ends every call', async t => {
  const header = encodeMessage({ kind: 'reply', serial: 1, replySerial: 1 });
  const large = Buffer.from(header);
  large.writeUInt32LE(MAXIMUM_MESSAGE_BYTES, 4);
  const damaged = Buffer.from(header);
  damaged[12] = 1;
  const cases: readonly (readonly [string, (call: ReceivedCall) => void, RegExp])[] = [
    ['nonsense', call => call.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), /begins with 48545450/],
    ['a message that is too large', call => call.send(large), /a message of \d+ bytes/],
    ['a damaged header', call => call.send(Buffer.concat([damaged, header])), /not what we expect/],
    ['half a message', call => (call.send(header.subarray(0, 20)), call.hangUp()), /closed|ECONNRESET|EPIPE/],
    ['nothing', call => call.hangUp(), /closed by the other side|ECONNRESET/],
  ];
  for (const [what, answer, message] of cases) {
    const { connection } = await connected(t, { answer });
    const calls = [connection.call(CALL, Text), connection.call(CALL, Text)];
    for (const call of calls) await t.rejects(call, { name: 'ConnectionError', message }, what);
    t.notOk(connection.isOpen, `${what}: closed`);
    t.match((await connection.ended).message, message);
    await t.rejects(connection.call(CALL, Text), { message }, 'later calls fail at once');
  }
});

t.test('closing ends the calls that wait', async t => {
  const { connection } = await connected(t, {});
  const call = t.rejects(connection.call(CALL, Text), { name: 'ConnectionError', message: 'closed' });
  await connection.close();
  await call;
  await connection.close();
  t.notOk(connection.isOpen);
});
