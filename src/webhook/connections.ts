import type { Server, Socket } from 'node:net';
import type { Limits } from './limits.ts';

/**
 * Every TCP connection of a server, also those that have not finished their TLS handshake: Node's own
 * `closeAllConnections` knows HTTP connections only, and `close` waits for all of them. One address may have no more than
 * its share, so that a client which opens all it can leaves room for the API server.
 */
export class Connections {
  readonly #open = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();

  constructor(
    server: Server,
    { connections, connectionsPerAddress }: Pick<Limits, 'connections' | 'connectionsPerAddress'>,
  ) {
    server.maxConnections = connections;
    server.on('connection', socket => {
      const address = socket.remoteAddress ?? 'gone';
      const count = this.#byAddress.get(address) ?? 0;
      if (count >= connectionsPerAddress) {
        socket.destroy();
        return;
      }
      this.#byAddress.set(address, count + 1);
      this.#open.add(socket);
      socket.once('close', () => this.#forget(socket, address));
    });
  }

  /** Ends every connection at once, whatever it is doing. */
  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #forget(socket: Socket, address: string): void {
    this.#open.delete(socket);
    const count = (this.#byAddress.get(address) ?? 0) - 1;
    if (count > 0) this.#byAddress.set(address, count);
    else this.#byAddress.delete(address);
  }
}
