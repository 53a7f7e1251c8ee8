import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { encodeValues } from '../../src/node/systemd/encode-values.ts';
import {
  decodeMessage,
  encodeMessage,
  MAXIMUM_MESSAGE_BYTES,
  messageLength,
  messageValues,
} from '../../src/node/systemd/wire-message.ts';
import { WireError } from '../../src/node/systemd/wire-signature.ts';

/** Recorded between systemctl and systemd 257 of Debian trixie. */
const FIXTURES = 'test/fixtures/systemd';

function fixture(name: string): Buffer {
  return readFileSync(`${FIXTURES}/${name}.bin`);
}

t.test('messages that systemd and systemctl have sent are read, and their values have the same bytes again', t => {
  const call = decodeMessage(fixture('restart-unit.call'));
  t.match(call, { kind: 'call', serial: 1, path: '/org/freedesktop/systemd1', member: 'RestartUnit', signature: 'ss' });
  t.equal(call.interface, 'org.freedesktop.systemd1.Manager');
  t.strictSame(messageValues(call), ['containerd.service', 'replace']);

  const job = '/org/freedesktop/systemd1/job/689';
  const reply = decodeMessage(fixture('job.reply'));
  t.match(reply, { kind: 'reply', replySerial: 1, signature: 'o', path: undefined });
  t.strictSame(messageValues(reply), [job]);

  const signal = decodeMessage(fixture('job-removed.signal'));
  t.match(signal, { kind: 'signal', member: 'JobRemoved', signature: 'uoss' });
  t.strictSame(messageValues(signal), [689, job, 'containerd.service', 'done']);

  for (const name of ['service.reply', 'properties-changed.signal', 'restart-unit.call', 'job-removed.signal']) {
    const message = decodeMessage(fixture(name));
    const bytes = Buffer.from(encodeValues(message.signature, messageValues(message)));
    t.ok(bytes.equals(message.body), `${name}: ${bytes.length} bytes`);
  }
  t.end();
});

t.test('a message is read as it was written', t => {
  const header = { serial: 7, path: '/a', interface: 'a.b', member: 'C' };
  const bytes = encodeMessage({ kind: 'call', ...header, signature: 'su', values: ['x', 1] });
  t.equal(messageLength(bytes), bytes.length);
  const message = decodeMessage(bytes);
  t.match(message, { kind: 'call', ...header, signature: 'su', replySerial: undefined, errorName: undefined });
  t.strictSame(messageValues(message), ['x', 1]);
  const error = decodeMessage(encodeMessage({ kind: 'error', serial: 1, replySerial: 7, errorName: 'a.b' }));
  t.match(error, { kind: 'error', replySerial: 7, errorName: 'a.b', signature: '' });
  t.strictSame(messageValues(error), [], 'without a body');
  t.end();
});

t.test('a message that cannot be one of ours is refused from its first bytes', t => {
  const good = fixture('job.reply');
  t.equal(messageLength(good.subarray(0, 15)), undefined, 'too few bytes to say');
  const changes = [
    [0, 0x42, 'big-endian'],
    [1, 0, 'of no kind'],
    [3, 2, 'of another version'],
  ] as const;
  for (const [at, byte, what] of changes) {
    const bytes = Buffer.from(good);
    bytes[at] = byte;
    t.throws(() => messageLength(bytes), WireError, what);
  }
  for (const at of [4, 12]) {
    const bytes = Buffer.from(good);
    bytes.writeUInt32LE(MAXIMUM_MESSAGE_BYTES, at);
    t.throws(() => messageLength(bytes), /a message of \d+ bytes/, 'too large');
  }
  const unknown = Buffer.from(good);
  unknown[1] = 9;
  t.equal(decodeMessage(unknown).kind, undefined, 'a kind that we do not know is no error');
  t.end();
});

t.test('damaged messages are read or refused, and nothing else happens', t => {
  const good = fixture('properties-changed.signal');
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), changes => {
      const bytes = Buffer.from(good);
      for (const [at, byte] of changes) bytes[at] = byte;
      try {
        messageValues(decodeMessage(bytes));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refused += 1;
      }
    }),
    { numRuns: 1000 },
  );
  for (let length = 16; length < good.length; length += 1) {
    t.throws(() => messageValues(decodeMessage(good.subarray(0, length))), WireError, `cut to ${length} bytes`);
  }
  t.ok(refused > 100, `${refused} of 1000 refused`);
  t.end();
});
