import { replaceFile, temporaryPathOf } from '../host/replace-file.ts';
import { NodeError } from '../node-error.ts';
import type { ChangeContext } from './context.ts';
import {
  armDeadMan,
  disarmDeadMan,
  forgetChange,
  hasFired,
  isArmed,
  ORIGINAL_FILE,
  postponeDeadMan,
  rollBackNow,
} from './dead-man.ts';
import { imageOf, isSameImage } from './file-image.ts';
import { type GateFault, gateRefusal, passGate } from './gate.ts';
import { type HostRecord, type PendingChange, writeRecord } from './record.ts';

/** A record that says that a change is under way. */
type ChangingRecord = HostRecord & { readonly change: PendingChange };

/** A change of the configuration file that is about to begin. */
export interface ChangeStart {
  /** Without a change of its own. */
  readonly record: HostRecord;
  readonly change: PendingChange;
  /** The file's content now; undefined when it is not there. */
  readonly original: string | undefined;
  /** The file's content afterwards; undefined when it is to be removed. */
  readonly content: string | undefined;
}

/**
 * Changes the configuration file and restarts the container runtime, so that after every interruption the host has the
 * old configuration or the new one, and comes to one that works by itself: record, dead man's timer, one rename,
 * restart, gate, disarm.
 *
 * @returns the record, which then says what is on the host
 * @throws {NodeError} RestartFailed or RuntimeNotLoaded when the former configuration was put back,
 *   ConfigurationChangedMeanwhile when nothing was changed
 */
export async function applyChange(context: ChangeContext, start: ChangeStart): Promise<HostRecord> {
  const { files } = context;
  const { change, original } = start;
  if (original !== undefined && change.before !== null) {
    await replaceFile(files, ORIGINAL_FILE, original, change.before);
  }
  const record = { ...start.record, change };
  await writeRecord(files, record);
  try {
    context.report(`arming the timer that puts ${change.path} back after ${context.times.rollbackAfterSeconds} s`);
    await armDeadMan(context, change, context.times.rollbackAfterSeconds);
    await writeContent(context, start);
  } catch (error) {
    await withdraw(context, record);
    throw error;
  }
  return await completeChange(context, record);
}

/**
 * Ends what an earlier run began and did not end, whatever it was.
 *
 * @returns the record without a pending change
 * @throws {NodeError} as {@link applyChange} does, when the change is completed and does not hold
 */
export async function recoverChange(context: ChangeContext, record: HostRecord): Promise<HostRecord> {
  const { files } = context;
  const { change } = record;
  if (change === null) {
    if (await isArmed(files)) await disarmDeadMan(context);
    await forgetChange(files);
    return record;
  }
  await postponeDeadMan(context);
  const image = await imageOf(files, change.path);
  if (isSameImage(image, change.after) && change.state === 'planned') {
    context.report(`completing the ${change.kind} that was interrupted: ${change.path} has its new content`);
    await armDeadMan(context, change, context.times.rollbackAfterSeconds);
    return await completeChange(context, { ...record, change });
  }
  await disarmDeadMan(context);
  if (isSameImage(image, change.before)) {
    const wasBad = change.state === 'planned' && (await hasFired(files));
    context.report(
      wasBad
        ? `an interrupted ${change.kind} was rolled back by the timer`
        : `nothing of an interrupted ${change.kind} is in ${change.path}`,
    );
    return await settle(
      context,
      wasBad ? withRolledBack(record, change, 'the timer put it back') : record,
      record.entry,
    );
  }
  return await settle(context, record, change.entry);
}

async function writeContent({ files, report }: ChangeContext, { change, content }: ChangeStart): Promise<void> {
  if (!isSameImage(await imageOf(files, change.path), change.before)) {
    throw new NodeError('NodeRefused', {
      reason: 'ConfigurationChangedMeanwhile',
      sentence: `${change.path} was changed by somebody else while this change was prepared`,
      hint: 'Run it again; if it happens again, something rewrites that file all the time',
    });
  }
  if (content === undefined || change.after === null) {
    report(`removing ${change.path}`);
    await files.removeFile(change.path);
    await files.syncFolder(folderOf(change.path));
  } else {
    report(`writing ${change.path}`);
    await replaceFile(files, change.path, content, change.after);
  }
}

/** From the changed file to its proof, or back. */
async function completeChange(context: ChangeContext, record: ChangingRecord): Promise<HostRecord> {
  const { systemd, files, report } = context;
  const { change } = record;
  report(`restarting ${change.unit}`);
  await systemd.resetFailed(change.unit);
  const result = await systemd.restart(change.unit);
  if (result !== 'done') {
    return await rollBack(context, record, { reason: 'RestartFailed', what: `systemd's job ended as '${result}'` });
  }
  const missing = await askRuntime(context, change, change.handlers);
  if (missing !== undefined) return await rollBack(context, record, { reason: 'RuntimeNotLoaded', what: missing });
  const passed: HostRecord = { ...record, change: { ...change, state: 'passed' } };
  await writeRecord(files, passed);
  await disarmDeadMan(context);
  if (!isSameImage(await imageOf(files, change.path), change.after) && (await hasFired(files))) {
    await settle(context, record, record.entry);
    throw new NodeError('NodeFailed', {
      reason: 'Interrupted',
      sentence: `the timer put ${change.path} back before it could be disarmed`,
      hint: 'Run it again, with a larger --rollback-after if the host is slow',
    });
  }
  report(`the container runtime answers, with ${change.handlers.join(', ') || 'no handler of ours'}`);
  return await settle(context, record, change.entry);
}

async function rollBack(context: ChangeContext, record: ChangingRecord, fault: GateFault): Promise<never> {
  const { change } = record;
  context.report(`rolling back: ${fault.what}`);
  await rollBackNow(context);
  await disarmDeadMan(context);
  const stillMissing = await askRuntime(context, change, []);
  const { reason, sentence, hint } = gateRefusal(fault, change.unit);
  await settle(context, withRolledBack(record, change, fault.what), record.entry);
  const rest = stillMissing === undefined ? '' : `, but it does not help: ${stillMissing}`;
  throw new NodeError('NodeFailed', { reason, sentence: `${sentence}${rest}`, hint });
}

/** Undoes what was begun before the file changed, as far as it can; else the armed timer does. */
async function withdraw(context: ChangeContext, record: ChangingRecord): Promise<void> {
  const { change } = record;
  try {
    if (isSameImage(await imageOf(context.files, change.path), change.after)) await rollBackNow(context);
    await disarmDeadMan(context);
    await settle(context, record, record.entry);
  } catch (error) {
    context.report(`left to the timer and the next run: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The change is over; the record says what is on the host, and then its traces go. */
async function settle({ files }: ChangeContext, record: HostRecord, entry: HostRecord['entry']): Promise<HostRecord> {
  if (record.change !== null) await files.removeFile(temporaryPathOf(record.change.path));
  const settled = { ...record, entry, change: null };
  await writeRecord(files, settled);
  await forgetChange(files);
  return settled;
}

async function askRuntime(
  { connectRuntime, clock, times }: ChangeContext,
  { socket, conditions }: PendingChange,
  handlers: readonly string[],
): Promise<string | undefined> {
  const runtime = connectRuntime(socket);
  try {
    return await passGate(runtime, { handlers, conditions }, { clock, deadlineSeconds: times.gateSeconds });
  } finally {
    runtime.close();
  }
}

function withRolledBack(record: HostRecord, { digest }: PendingChange, reason: string): HostRecord {
  const others = record.rolledBack.filter(other => other.digest !== digest);
  return { ...record, rolledBack: [...others, { digest, reason }] };
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
