import { applyChange } from './apply-change.ts';
import { removeReleases } from './collect-releases.ts';
import { startOf } from './change-start.ts';
import type { ChangeContext } from './context.ts';
import { removeTraces } from './host-folders.ts';
import { askOracle } from './oracle.ts';
import { inspectHost, type PreparedHost, prepareHost } from './prepare.ts';
import { type HostRecord, isEmptyRecord, writeRecord } from './record.ts';
import { readSandboxes } from './sandboxes.ts';
import { isOurs, planUninstall, sandboxesPresent, type UninstallPlan } from './uninstall-plan.ts';
import { NodeError } from '../node-error.ts';

/** What an uninstall came to. */
export interface UninstallResult {
  /** `refused`: nothing was done. `absent`: nothing of ours was there. */
  readonly outcome: 'refused' | 'absent' | 'uninstalled';
  readonly plan: UninstallPlan;
  readonly restarted: boolean;
}

/** Plans a removal and changes nothing. */
export async function previewUninstall(context: ChangeContext): Promise<UninstallPlan> {
  return await planFor(context, await inspectHost(context));
}

/**
 * Gives the host back: configuration out, restart, gate, and the binaries last. Only what the record proves ours goes.
 *
 * @throws {NodeError} when something went wrong on the way; the host then has the configuration that it had before
 */
export async function uninstall(context: ChangeContext): Promise<UninstallResult> {
  const prepared = await prepareHost(context);
  const plan = await planFor(context, prepared);
  if (plan.refusals.length > 0) return { outcome: 'refused', plan, restarted: false };
  const { host, record } = prepared;
  if (isEmptyRecord(record)) {
    await removeTraces(context.files, record);
    return { outcome: 'absent', plan, restarted: false };
  }
  const withoutEntry = await removeEntry(context, prepared, plan);
  await refuseLateSandboxes(context, record, host.layout.socket);
  const rest = await removeReleases(context, withoutEntry, record.releases);
  await removeTraces(context.files, { ...rest, rolledBack: [] });
  return { outcome: 'uninstalled', plan, restarted: plan.change !== undefined };
}

async function planFor(context: ChangeContext, { host, record }: PreparedHost): Promise<UninstallPlan> {
  return planUninstall(host, record, await readSandboxes(context, host.layout.socket));
}

async function removeEntry(
  context: ChangeContext,
  { host, record }: PreparedHost,
  { change }: UninstallPlan,
): Promise<HostRecord> {
  if (change === undefined) {
    const rest = { ...record, entry: null };
    if (record.entry !== null) await writeRecord(context.files, rest);
    return rest;
  }
  await askOracle(context, host, change);
  return await applyChange(context, await startOf(context, { kind: 'uninstall', host, record, change, release: '' }));
}

/** A Pod may have come between the plan and the restart: its sandbox needs the binaries. */
async function refuseLateSandboxes(context: ChangeContext, record: HostRecord, socket: string): Promise<void> {
  const late = (await readSandboxes(context, socket)).filter(sandbox => isOurs(sandbox, record));
  if (late.length === 0) return;
  const { reason, sentence, hint } = sandboxesPresent(late);
  throw new NodeError('NodeFailed', {
    reason,
    sentence: `${sentence}; they came while the configuration was taken out, and the binaries stay for them`,
    hint,
  });
}
