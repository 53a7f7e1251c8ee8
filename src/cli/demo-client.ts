import { Agent, request } from 'node:https';

/** Posts AdmissionReviews as the API server does: over one kept TLS connection that trusts the given authority. */
export class DemoClient implements Disposable {
  readonly #agent: Agent;
  readonly #port: number;

  constructor({ ca, serverName, port }: { readonly ca: string; readonly serverName: string; readonly port: number }) {
    this.#agent = new Agent({ ca, servername: serverName, keepAlive: true });
    this.#port = port;
  }

  /**
   * @returns the parsed body of the answer
   * @throws {Error} when the webhook does not answer with JSON
   */
  async post(path: string, review: unknown): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const headers = { 'content-type': 'application/json' };
    const call = request(
      { host: '127.0.0.1', port: this.#port, path, method: 'POST', headers, agent: this.#agent },
      response => {
        response
          .setEncoding('utf8')
          .toArray()
          .then(chunks => resolve(chunks.join('')), reject);
      },
    );
    call.on('error', reject);
    call.end(JSON.stringify(review));
    const answer: unknown = JSON.parse(await promise);
    return answer;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
