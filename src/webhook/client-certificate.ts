import { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../record/decision-record.ts';

/**
 * What the client of a connection presented, looked up once for each connection.
 *
 * Node reports a resumed TLS 1.3 session as authorized even when the client has no certificate (node:
 * src/crypto/crypto_common.cc, VerifyPeerCertificate), so the certificate itself must be there.
 */
export class ClientCertificates {
  readonly #hasAuthority: boolean;
  readonly #known = new WeakMap<object, ClientCertificate>();

  /** @param hasAuthority whether `--client-ca` was given; without it Node checks against the public authorities, which vouch for nothing here */
  constructor({ hasAuthority }: { readonly hasAuthority: boolean }) {
    this.#hasAuthority = hasAuthority;
  }

  of(socket: object): ClientCertificate {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    const found = this.#inspect(socket);
    this.#known.set(socket, found);
    return found;
  }

  #inspect(socket: object): ClientCertificate {
    if (!(socket instanceof TLSSocket) || socket.getPeerX509Certificate() === undefined) return 'none';
    return this.#hasAuthority && socket.authorized ? 'verified' : 'unverified';
  }
}
