import { type Host, RELEASES_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { replaceFile } from '../host/replace-file.ts';
import { applyChange } from './apply-change.ts';
import { startOf } from './change-start.ts';
import { collectReleases } from './collect-releases.ts';
import type { ChangeContext } from './context.ts';
import { withDroppedHandlers } from './dropped-handlers.ts';
import { ensureFolder, makeStateFolder, removeTraces } from './host-folders.ts';
import { loadHandlers } from './load-handlers.ts';
import { withLostEntry } from './lost-entry.ts';
import { type InstallPlan, type InstallRequest, planInstall, type RunscFile } from './install-plan.ts';
import { askOracle } from './oracle.ts';
import { inspectHost, prepareHost } from './prepare.ts';
import { type HostRecord, readRecord, writeRecord } from './record.ts';
import { checkRelease } from './release-check.ts';

/** Where the payload comes from, and how it gets into its place. */
export interface PayloadSupply {
  readonly release: string;
  /** Checks everything, then puts the release into its folder. What is there and right is left alone. */
  readonly install: (files: HostFiles) => Promise<PayloadOutcome>;
}

/** What became of the payload. */
export type PayloadOutcome = 'present' | 'installed' | 'repaired';

/** Of a handler's runsc.toml: runsc reads it as root and as nobody. */
const RUNSC_FILE = { mode: 0o644, uid: 0, gid: 0 } as const;

/** What an install came to. */
export interface InstallResult {
  /** `refused`: nothing was done. `adopted`: somebody else's handlers are used. `unchanged`: all was there already. */
  readonly outcome: 'refused' | 'adopted' | 'unchanged' | 'installed';
  readonly plan: InstallPlan;
  readonly payload: PayloadOutcome | undefined;
  readonly restarted: boolean;
  /** Releases that nothing named any more. */
  readonly collected: readonly string[];
}

/** Plans an install and changes nothing. */
export async function previewInstall(context: ChangeContext, request: InstallRequest): Promise<InstallPlan> {
  const { host, record } = await inspectHost(context);
  const plan = await withDroppedHandlers(context, host, planInstall(host, record, request));
  if (record.change === null) return plan;
  const note = `an ${record.change.kind} was interrupted; it is ended first, and may change this plan`;
  return { ...plan, notes: [...plan.notes, note] };
}

/**
 * Installs gVisor on the host, or repairs or upgrades what is there; after it every handler is loaded. Unchanged means
 * no write and no restart.
 *
 * @throws {NodeError} when something went wrong on the way; the host then has its former configuration
 */
export async function install(
  context: ChangeContext,
  request: InstallRequest,
  payload: PayloadSupply,
): Promise<InstallResult> {
  const { host, record } = await prepareHost(context);
  const plan = await withDroppedHandlers(context, host, planInstall(host, record, request));
  const nothing = { plan, payload: undefined, restarted: false, collected: [] };
  if (plan.refusals.length > 0) return { ...nothing, outcome: 'refused' };
  if (plan.entries.length === 0) return { ...nothing, outcome: 'adopted' };
  try {
    return await carryOut(context, { host, record, plan, request }, payload);
  } catch (error) {
    await abandon(context, host.layout.socket);
    throw error;
  }
}

/** A plan with what it was made from. */
interface PlannedInstall {
  readonly host: Host;
  readonly record: HostRecord;
  readonly plan: InstallPlan;
  readonly request: InstallRequest;
}

async function carryOut(
  context: ChangeContext,
  { host, record, plan, request }: PlannedInstall,
  payload: PayloadSupply,
): Promise<InstallResult> {
  const { files } = context;
  await makeStateFolder(files);
  let current = await recordRelease(files, { host, record }, plan.release);
  current = await ensureFolder(files, current, RELEASES_FOLDER);
  context.report(`checking the payload of ${plan.release}`);
  const payloadOutcome = await payload.install(files);
  const missing = await missingFiles(files, plan.runscFiles);
  const restarted = plan.change !== undefined || plan.unloaded.length > 0;
  const isUnchanged = !restarted && missing.length === 0 && payloadOutcome === 'present';
  if (!isUnchanged) await checkRelease(context, plan.release, request.handlers);
  for (const { path, text } of missing) await replaceFile(files, path, text, RUNSC_FILE);
  if (restarted) current = await changeConfiguration(context, { host, record: current, plan });
  const { collected } = await collectReleases(context, current, host.layout.socket);
  return {
    outcome: isUnchanged ? 'unchanged' : 'installed',
    plan,
    payload: payloadOutcome,
    restarted,
    collected,
  };
}

/** The release is in the record before its first byte is on the disk. */
async function recordRelease(
  files: HostFiles,
  { host, record }: Pick<PlannedInstall, 'host' | 'record'>,
  release: string,
): Promise<HostRecord> {
  const known = withLostEntry(host, record);
  const extended = known.releases.includes(release) ? known : { ...known, releases: [...known.releases, release] };
  if (extended === record) return record;
  await writeRecord(files, extended);
  return extended;
}

async function missingFiles(files: HostFiles, wanted: readonly RunscFile[]): Promise<readonly RunscFile[]> {
  const missing: RunscFile[] = [];
  for (const file of wanted) {
    if ((await files.read(file.path))?.toString('utf8') !== file.text) missing.push(file);
  }
  return missing;
}

async function changeConfiguration(
  context: ChangeContext,
  { host, record, plan }: Omit<PlannedInstall, 'request'>,
): Promise<HostRecord> {
  const { change, release } = plan;
  if (change === undefined) return await loadHandlers(context, { host, record }, plan.unloaded);
  await askOracle(context, host, change);
  return await applyChange(context, await startOf(context, { kind: 'install', host, record, change, release }));
}

/** After a failure: what nothing names goes again, so that a first install that fails leaves nothing. */
async function abandon(context: ChangeContext, socket: string): Promise<void> {
  const { files, report } = context;
  try {
    const record = await readRecord(files);
    if (record === undefined || record.change !== null) return;
    const { record: rest } = await collectReleases(context, record, socket);
    await removeTraces(files, rest);
  } catch (error) {
    report(`the rest is left to the next run: ${error instanceof Error ? error.message : String(error)}`);
  }
}
