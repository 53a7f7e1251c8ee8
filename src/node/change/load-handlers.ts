import type { HandlerEntry } from '../containerd/configuration.ts';
import type { Host } from '../host/host.ts';
import { sha256Of } from '../host/sha256.ts';
import { NodeError } from '../node-error.ts';
import type { Refusal } from '../reason.ts';
import type { ChangeContext } from './context.ts';
import { conditionsOf, gateRefusal } from './gate.ts';
import { type HostRecord, writeRecord } from './record.ts';
import { restartRuntime } from './restart-runtime.ts';

/** Handlers that the configuration has, and that CRI has not loaded: it was not restarted since, whoever's fault it is. */
export function unloadedHandlers({ runtime }: Host, entries: readonly HandlerEntry[]): readonly string[] {
  return entries.map(({ name }) => name).filter(name => !runtime.handlers.includes(name));
}

/** Refuses another restart for handlers that a restart did not bring. */
export function restartedBefore(host: Host, record: HostRecord, handlers: readonly string[]): readonly Refusal[] {
  const digest = digestOf(host, handlers);
  const tried = record.rolledBack.find(other => other.digest === digest);
  if (tried === undefined) return [];
  const { unit } = host.layout;
  return [
    {
      reason: 'RolledBackBefore',
      sentence: `${unit} was restarted before to load ${handlers.join(', ')}, which is in its configuration: ${tried.reason}`,
      hint: `'journalctl -u ${unit}' says why; --retry restarts it again`,
    },
  ];
}

/**
 * Has the container runtime load what its configuration says already.
 *
 * @throws {NodeError} RestartFailed, RuntimeNotLoaded
 */
export async function loadHandlers(
  context: ChangeContext,
  { host, record }: { readonly host: Host; readonly record: HostRecord },
  handlers: readonly string[],
): Promise<HostRecord> {
  const { unit, socket } = host.layout;
  context.report(`${handlers.join(', ')} is in the configuration of ${unit}, and CRI has not loaded it`);
  const fault = await restartRuntime(context, { unit, socket, conditions: conditionsOf(host.runtime) }, handlers);
  const digest = digestOf(host, handlers);
  const others = record.rolledBack.filter(other => other.digest !== digest);
  const rolledBack = fault === undefined ? others : [...others, { digest, reason: fault.what }];
  const told = { ...record, rolledBack };
  if (fault !== undefined || others.length < record.rolledBack.length) await writeRecord(context.files, told);
  if (fault === undefined) return told;
  throw new NodeError('NodeFailed', gateRefusal(fault, unit, 'its configuration is as it was before'));
}

/** Of a restart without a change, so that one that did not help is known again. */
function digestOf({ dump, containerdVersion }: Host, handlers: readonly string[]): string {
  return sha256Of(JSON.stringify([handlers, dump, containerdVersion]));
}
