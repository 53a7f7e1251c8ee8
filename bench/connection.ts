import { connect, type TLSSocket } from 'node:tls';

/** Where a server is, and whom to trust. */
export interface Peer {
  readonly port: number;
  /** PEM of the authority that signed its certificate. */
  readonly authority: string;
}

/** One answer. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const HEAD_END = '\r\n\r\n';

/**
 * One HTTP/1.1 connection over TLS that writes requests which are bytes already and reads answers with a
 * Content-Length. It does for a request what costs least, so that the server under test has its CPU to itself.
 */
export class Connection implements Disposable {
  readonly #socket: TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<Answer> | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', error => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection before its answer')));
  }

  /** A new connection with a full handshake: no session is ever resumed, as the API server's client does. */
  static async open({ port, authority }: Peer): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const socket = connect({ host: '127.0.0.1', port, ca: authority, ALPNProtocols: ['http/1.1'] });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      resolve(new Connection(socket));
    });
    return await promise;
  }

  /** Sends a request and waits for its answer; one at a time. */
  async exchange(request: Buffer): Promise<Answer> {
    this.#waiting = Promise.withResolvers<Answer>();
    this.#socket.write(request);
    return await this.#waiting.promise;
  }

  [Symbol.dispose](): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
    const start = headEnd + HEAD_END.length;
    if (this.#received.length < start + length) return;
    const body = this.#received.subarray(start, start + length);
    this.#received = this.#received.subarray(start + length);
    this.#waiting?.resolve({ status: Number(head.slice(9, 12)), body });
  }
}

/** The bytes of a POST. */
export function postRequest(path: string, body: Buffer): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: gvisor-injector.gvisor-injector.svc:443',
    'User-Agent: kube-apiserver-admission',
    'Accept: application/json, */*',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Accept-Encoding: gzip',
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}${HEAD_END}`), body]);
}
