import type { ServingCertificateResult } from '../../src/certificates/serving-certificate.ts';
import { deadline } from './deadline.ts';

/** The results of a ServingCertificate in order, each waited for. */
export class Results {
  readonly all: ServingCertificateResult[] = [];
  #taken = 0;
  #wake = () => {};

  readonly onReload = (result: ServingCertificateResult): void => {
    this.all.push(result);
    this.#wake();
  };

  /** @throws {Error} when none comes */
  async next(): Promise<ServingCertificateResult> {
    for (;;) {
      const result = this.all[this.#taken];
      if (result !== undefined) {
        this.#taken += 1;
        return result;
      }
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#wake = () => resolve(undefined);
      await deadline(promise, 'a result');
    }
  }

  /** The certificate that was loaded. */
  async nextLoaded(): Promise<string> {
    const result = await this.next();
    return result.kind === 'loaded' ? result.pair.certificate : `failed: ${result.fault}`;
  }

  /** The sentence of a failure. */
  async nextFault(): Promise<string> {
    const result = await this.next();
    return result.kind === 'failed' ? result.fault : 'loaded';
  }
}
