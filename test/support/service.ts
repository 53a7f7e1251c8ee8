import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { TestWebhook } from './webhook.ts';

/** What kube-proxy does with a Service: each new connection goes to a ready endpoint, an open one stays where it is. */
export interface TestService extends AsyncDisposable {
  readonly port: number;
  /** Asks every endpoint's readiness now; kubelet and kube-proxy take a moment for it. */
  readonly refresh: () => Promise<void>;
}

/** A TCP service on loopback before several webhooks. */
export async function startTestService(endpoints: readonly TestWebhook[]): Promise<TestService> {
  let ready = [...endpoints];
  let turn = 0;
  const sockets = new Set<Socket>();
  const server = createServer(client => {
    const endpoint = ready[turn++ % ready.length];
    if (endpoint === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect(endpoint.port, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      from.pipe(to);
    }
  });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.listen(0, '127.0.0.1', () => resolve(undefined));
  await promise;
  return {
    port: portOf(server.address()),
    refresh: async () => {
      const states = await Promise.all(
        endpoints.map(async endpoint => ({ endpoint, isReady: await isReady(endpoint) })),
      );
      ready = states.filter(state => state.isReady).map(state => state.endpoint);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = Promise.withResolvers<undefined>();
      server.close(() => closed.resolve(undefined));
      await closed.promise;
    },
  };
}

async function isReady(endpoint: TestWebhook): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${endpoint.metricsPort}/readyz`)).ok;
  } catch {
    return false;
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new TypeError('the service must listen on TCP');
  return address.port;
}
