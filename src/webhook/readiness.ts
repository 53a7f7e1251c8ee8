/** What readiness asks of the serving certificate. */
export interface CertificateState {
  /** False without a pair, and when the pair has expired. */
  readonly isUsable: (now: Date) => boolean;
}

/**
 * Whether traffic should come here. Only a stop, a missing certificate and an expired one say no: anything else that
 * is wrong is a metric and a log line, so that all replicas never leave at once.
 */
export class Readiness {
  readonly #certificate: CertificateState;
  readonly #now: () => Date;
  #isDraining = false;

  constructor({ certificate, now }: { readonly certificate: CertificateState; readonly now: () => Date }) {
    this.#certificate = certificate;
    this.#now = now;
  }

  /** From now on not ready, and every answer closes its connection. */
  drain(): void {
    this.#isDraining = true;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Why no traffic should come; undefined when ready. */
  notReadyReason(): string | undefined {
    if (this.#isDraining) return 'draining before the stop';
    return this.#certificate.isUsable(this.#now()) ? undefined : 'no usable serving certificate';
  }
}
