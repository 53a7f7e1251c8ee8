import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as v from 'valibot';
import { systemErrorCode } from '../../errors/user-error.ts';
import { printable } from '../../policy/printable.ts';
import { WireError } from './wire-signature.ts';
import { decodeMessage, encodeMessage, type Message, messageLength, messageValues } from './wire-message.ts';
import type { WireValue } from './wire-value.ts';

/** The other side does not answer, not in time, or not in D-Bus. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** The other side has answered a call with an error. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError';
  /** Such as `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly errorName: string;

  constructor(errorName: string, message: string) {
    super(message);
    this.errorName = errorName;
  }
}

/** A call of a method of the other side's. */
export interface MethodCall {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of the values; nothing by default. */
  readonly signature?: string;
  readonly values?: readonly WireValue[];
  readonly timeoutMilliseconds: number;
}

/** Where and how to connect. */
export interface ConnectionOptions {
  /** Path of the Unix socket. */
  readonly socket: string;
  /** Who we say that we are; the other side looks it up in the socket. */
  readonly uid: number;
  /** From the start until the other side has accepted us. */
  readonly timeoutMilliseconds: number;
}

/** D-Bus with one peer over a Unix socket: without a bus, so without names and without a Hello. */
export interface Connection {
  /** Calls a method. Its answer is what the schema says. @throws {RefusalError | ConnectionError} */
  call<Schema extends v.GenericSchema>(call: MethodCall, schema: Schema): Promise<v.InferOutput<Schema>>;
  /** Tells of every signal from now on. Returns what ends it. */
  onSignal(listener: (signal: Message) => void): () => void;
  /** True until either side has closed it. */
  readonly isOpen: boolean;
  /** Resolves, once it is not open any more, to the reason. */
  readonly ended: Promise<ConnectionError>;
  /** Calls that wait for their answers fail. */
  close(): Promise<void>;
}

/** Of an authentication's answer: the other side names itself in about 40 characters. */
const LINE_LENGTH = 256;

/** Connects and authenticates. @throws {ConnectionError} */
export async function connectPeer({ socket: path, uid, timeoutMilliseconds }: ConnectionOptions): Promise<Connection> {
  const socket = connect(path);
  // What ends a connection is thrown by whoever reads from it.
  socket.on('error', () => undefined);
  const timer = setTimeout(() => {
    socket.destroy(new ConnectionError(`not accepted within ${timeoutMilliseconds} ms`));
  }, timeoutMilliseconds);
  try {
    const chunks: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]();
    // BEGIN at once and not after the answer: systemd would not look at a call that it reads together with it.
    socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString('hex')}\r\nBEGIN\r\n`);
    const { line, rest } = await readLine(chunks);
    if (!line.startsWith('OK ')) throw new ConnectionError(`authentication refused: '${printable(line, LINE_LENGTH)}'`);
    return new PeerConnection(socket, chunks, rest);
  } catch (error) {
    socket.destroy();
    throw asConnectionError(error);
  } finally {
    clearTimeout(timer);
  }
}

/** A call that waits for its answer. */
interface PendingCall {
  readonly resolve: (answer: Message) => void;
  readonly reject: (error: ConnectionError) => void;
}

class PeerConnection implements Connection {
  readonly #socket: Socket;
  readonly #pending = new Map<number, PendingCall>();
  readonly #listeners = new Set<(signal: Message) => void>();
  readonly #ended = Promise.withResolvers<ConnectionError>();
  #serial = 0;
  #failure: ConnectionError | undefined;

  constructor(socket: Socket, chunks: AsyncIterator<Buffer>, received: Buffer) {
    this.#socket = socket;
    void this.#receive(chunks, received);
  }

  get ended(): Promise<ConnectionError> {
    return this.#ended.promise;
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  async call<Schema extends v.GenericSchema>(
    { timeoutMilliseconds, ...call }: MethodCall,
    schema: Schema,
  ): Promise<v.InferOutput<Schema>> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#serial += 1;
    const serial = this.#serial;
    const bytes = encodeMessage({ kind: 'call', serial, ...call });
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#pending.set(serial, { resolve, reject });
    try {
      this.#socket.write(bytes);
      const answer = await within(promise, timeoutMilliseconds, `answer to ${call.member}`);
      return v.parse(schema, valuesOfAnswer(answer));
    } catch (error) {
      throw error instanceof RefusalError ? error : asConnectionError(error);
    } finally {
      this.#pending.delete(serial);
    }
  }

  onSignal(listener: (signal: Message) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#fail(new ConnectionError('closed'));
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }

  async #receive(chunks: AsyncIterator<Buffer>, received: Buffer): Promise<void> {
    try {
      for (let bytes = received; ; ) {
        const rest = this.#takeMessages(bytes);
        const chunk = await chunks.next();
        if (chunk.done === true) throw new ConnectionError('closed by the other side');
        bytes = Buffer.concat([rest, chunk.value]);
      }
    } catch (error) {
      this.#fail(asConnectionError(error));
    }
  }

  /** Returns the bytes of a message that is not complete yet. */
  #takeMessages(bytes: Buffer): Buffer {
    let rest = bytes;
    for (;;) {
      const length = messageLength(rest);
      if (length === undefined || rest.length < length) return rest;
      this.#take(decodeMessage(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  }

  /** An answer that is too late finds no call any more; what is neither answer nor signal is not for us. */
  #take(message: Message): void {
    if (message.kind === 'signal') for (const listener of this.#listeners) listener(message);
    if (message.kind !== 'reply' && message.kind !== 'error') return;
    this.#pending.get(message.replySerial ?? 0)?.resolve(message);
  }

  #fail(failure: ConnectionError): void {
    this.#failure ??= failure;
    this.#socket.destroy();
    this.#ended.resolve(this.#failure);
    for (const { reject } of this.#pending.values()) reject(this.#failure);
  }
}

/** What the promise comes to, if it comes in time. @throws {ConnectionError} when it does not */
export async function within<Result>(promise: Promise<Result>, milliseconds: number, what: string): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new ConnectionError(`no ${what} within ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function valuesOfAnswer(answer: Message): readonly WireValue[] {
  const values = messageValues(answer);
  if (answer.kind === 'reply') return values;
  const [text] = values;
  throw new RefusalError(answer.errorName ?? 'unnamed', typeof text === 'string' ? text : '');
}

/** A line of the authentication, without its end, and what was received after it. */
async function readLine(chunks: AsyncIterator<Buffer>): Promise<{ readonly line: string; readonly rest: Buffer }> {
  for (let bytes = Buffer.alloc(0); bytes.length <= LINE_LENGTH; ) {
    const end = bytes.indexOf('\r\n');
    if (end >= 0) return { line: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 2) };
    const chunk = await chunks.next();
    if (chunk.done === true) throw new ConnectionError('closed before it accepted us');
    bytes = Buffer.concat([bytes, chunk.value]);
  }
  throw new ConnectionError('its answer to the authentication is too long');
}

function asConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const isWrong = error instanceof WireError || error instanceof v.ValiError;
  const what = isWrong ? `not what we expect of D-Bus: ${error.message}` : (systemErrorCode(error) ?? String(error));
  return new ConnectionError(what, { cause: error });
}
