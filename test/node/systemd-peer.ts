import { createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  messageLength,
  messageValues,
} from '../../src/node/systemd/wire-message.ts';
import type { WireValue } from '../../src/node/systemd/wire-value.ts';
import { socketPath } from './socket-path.ts';

const BEGIN = 'BEGIN\r\n';

/** A call that the peer has received. */
export interface ReceivedCall {
  readonly message: Message;
  readonly values: readonly WireValue[];
  reply(signature?: string, values?: readonly WireValue[]): void;
  refuse(errorName: string, text: string): void;
  signal(member: string, signature: string, values: readonly WireValue[]): void;
  /** Sends these bytes, whatever they are. */
  send(bytes: Uint8Array): void;
  /** Closes the connection. */
  hangUp(): void;
}

/** How a peer behaves. */
export interface PeerScript {
  /** Answers a call; one that it leaves alone is never answered. `Subscribe` is answered already. */
  readonly answer?: (call: ReceivedCall) => void;
  /** Its line when somebody authenticates; an empty one is silence, undefined hangs up. Default: it accepts. */
  readonly greeting?: string | undefined;
}

/** A peer on a Unix socket that speaks as systemd does, without root. */
export interface Peer {
  readonly socket: string;
  /** What clients have sent before their first message. */
  readonly authentications: readonly string[];
  readonly calls: readonly Message[];
}

/** Starts a peer that ends with the test. */
export async function startPeer(t: Test, script: PeerScript): Promise<Peer> {
  const socket = socketPath(t);
  const authentications: string[] = [];
  const calls: Message[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(client => {
    sockets.add(client);
    client.on('error', () => undefined);
    serve(client, { script, authentications, calls });
  });
  await listen(server, socket);
  t.teardown(async () => {
    for (const client of sockets) client.destroy();
    await new Promise(resolve => server.close(resolve));
  });
  return { socket, authentications, calls };
}

async function listen(server: Server, socket: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(socket, resolve);
  await promise;
}

interface Conversation {
  readonly script: PeerScript;
  readonly authentications: string[];
  readonly calls: Message[];
}

function serve(client: Socket, { script, authentications, calls }: Conversation): void {
  const greeting = 'greeting' in script ? script.greeting : 'OK 0123456789abcdef0123456789abcdef';
  let received = Buffer.alloc(0);
  let isGreeted = false;
  let hasBegun = false;
  client.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (!isGreeted && received.includes('\r\n')) {
      isGreeted = true;
      if (greeting === undefined) client.destroy();
      else if (greeting !== '') client.write(`${greeting}\r\n`);
    }
    if (!hasBegun && received.includes(BEGIN)) {
      hasBegun = true;
      const end = received.indexOf(BEGIN) + BEGIN.length;
      authentications.push(received.toString('latin1', 0, end));
      received = received.subarray(end);
    }
    if (!hasBegun) return;
    for (;;) {
      const length = messageLength(received);
      if (length === undefined || received.length < length) return;
      const message = decodeMessage(received.subarray(0, length));
      received = received.subarray(length);
      calls.push(message);
      const call = receivedCall(client, message);
      if (message.member === 'Subscribe') call.reply();
      else script.answer?.(call);
    }
  });
}

function receivedCall(client: Socket, message: Message): ReceivedCall {
  const replySerial = message.serial;
  const send = (bytes: Uint8Array): void => void client.write(bytes);
  return {
    message,
    values: messageValues(message),
    reply: (signature = '', values = []) =>
      send(encodeMessage({ kind: 'reply', serial: 1, replySerial, signature, values })),
    refuse: (errorName, text) =>
      send(encodeMessage({ kind: 'error', serial: 1, replySerial, errorName, signature: 's', values: [text] })),
    signal: (member, signature, values) => {
      const object = { path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' };
      send(encodeMessage({ kind: 'signal', serial: 1, ...object, member, signature, values }));
    },
    send,
    hangUp: () => void client.destroy(),
  };
}
