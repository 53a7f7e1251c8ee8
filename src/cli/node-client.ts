import { readFile } from 'node:fs/promises';
import { systemClock } from '../kube/clock.ts';
import { connectKube } from '../kube/connection.ts';
import { createKubeClient, type KubeClient } from '../kube/kube-client.ts';
import { podAccess } from '../kube/server-access.ts';
import type { CommandIO } from './command.ts';

/** Names the agent in the API server's audit log. */
const USER_AGENT = 'gvisor-injector-node';

/** A client of the API server by the Pod's own service account. @throws {UserError} BadUsage outside of a Pod */
export function openClient(io: CommandIO, onCall: (verb: string, result: string) => void): KubeClient {
  const access = podAccess({ environment: io.environment, read: async path => await readFile(path, 'utf8') });
  return createKubeClient({
    connection: connectKube(access, USER_AGENT),
    clock: systemClock,
    random: Math.random,
    signal: io.signal,
    onCall,
  });
}
