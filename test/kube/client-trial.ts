import type { Test } from 'tap';
import { connectKube } from '../../src/kube/connection.ts';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../src/kube/kube-client.ts';
import { KubeError } from '../../src/kube/kube-error.ts';
import { RESOURCES } from '../../src/kube/resource.ts';
import type { ServerAccess } from '../../src/kube/server-access.ts';
import { type Answer, type ApiServer, nodeObject, serveApi } from './api-server.ts';
import { ManualClock } from './manual-clock.ts';

/** What the tests ask for. */
export const NODE = { resource: RESOURCES.nodes, name: 'node-1' };
export const PODS = { resource: RESOURCES.pods, namespace: 'proofs' };
/** A client's own deadline, in milliseconds. */
export const DEADLINE = 15_000;
/** What a server answers that has nothing else to say. */
export const node = nodeObject('7', { a: 'b' });

/** A client with what it was seen to do. */
export interface Trial {
  readonly client: KubeClient;
  readonly clock: ManualClock;
  /** Verb and result of each request. */
  readonly calls: readonly string[];
}

/** A client whose waits between tries are over at once, and whose deadlines come when a test says so. */
export function clientOf(t: Test, access: ServerAccess, options: Partial<KubeClientOptions> = {}): Trial {
  const clock = new ManualClock(delay => delay !== DEADLINE);
  const calls: string[] = [];
  const client = createKubeClient({
    connection: connectKube(access, 'test/1'),
    clock,
    random: () => 0.5,
    signal: new AbortController().signal,
    onCall: (verb, result) => calls.push(`${verb} ${result}`),
    ...options,
  });
  t.teardown(() => client.close());
  return { client, clock, calls };
}

/** Such a client, and its server. */
export async function trial(
  t: Test,
  answers: readonly [Answer, ...Answer[]],
): Promise<Trial & { readonly server: ApiServer }> {
  const server = await serveApi(t, answers);
  return { ...clientOf(t, server.access), server };
}

/** What a call fails by. */
export async function failureOf(work: Promise<unknown>): Promise<KubeError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}
