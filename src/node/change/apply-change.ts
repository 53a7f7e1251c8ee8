import { dirname } from 'node:path/posix';
import { ownDigest } from '../containerd/inspect-configuration.ts';
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
} from './dead-man.ts';
import { imageOf, isSameImage } from './file-image.ts';
import { type GateFault, gateRefusal } from './gate.ts';
import { putBack } from './put-back.ts';
import { type HostRecord, type PendingChange, writeRecord } from './record.ts';
import { askRuntime, restartRuntime } from './restart-runtime.ts';

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
  context.report(`${change.path} was changed by somebody else since ${change.kind} was interrupted`);
  const changing = { ...record, change };
  return await settle(context, changing, await entryNow(context, changing));
}

/** Which of the entries before and after a change is in a file that somebody else has changed as well. */
async function entryNow({ files }: ChangeContext, { entry, change }: ChangingRecord): Promise<HostRecord['entry']> {
  const own = ownDigest((await files.read(change.path))?.toString('utf8') ?? '');
  if (own === undefined || own === change.entry?.sha256) return change.entry;
  return own === entry?.sha256 ? entry : (change.entry ?? entry);
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
    await files.syncFolder(dirname(change.path));
  } else {
    report(`writing ${change.path}`);
    await replaceFile(files, change.path, content, change.after);
  }
}

/** From the changed file to its proof, or back. */
async function completeChange(context: ChangeContext, record: ChangingRecord): Promise<HostRecord> {
  const { files, report } = context;
  const { change } = record;
  const fault = await restartRuntime(context, change, change.handlers);
  if (fault !== undefined) return await rollBack(context, record, fault);
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
  // What was rolled back once and now holds may be written again, as after a drift.
  return await settle(context, withoutRolledBack(record, change), change.entry);
}

async function rollBack(context: ChangeContext, record: ChangingRecord, fault: GateFault): Promise<never> {
  const { change } = record;
  context.report(`rolling back: ${fault.what}`);
  const outcome = await putBack(context, change);
  await disarmDeadMan(context);
  const rolledBack = withRolledBack(record, change, fault.what);
  if (outcome === 'edited') {
    await settle(context, rolledBack, change.entry);
    const rest = `${change.path} was changed by somebody else meanwhile, so the former configuration is not put back`;
    throw new NodeError('NodeFailed', gateRefusal(fault, change.unit, rest));
  }
  const stillMissing = await askRuntime(context, change, []);
  await settle(context, rolledBack, record.entry);
  const rest = stillMissing === undefined ? '' : `, but it does not help: ${stillMissing}`;
  throw new NodeError('NodeFailed', gateRefusal(fault, change.unit, `the former configuration is back${rest}`));
}

/** Undoes what was begun before the file changed, as far as it can; else the armed timer does. */
async function withdraw(context: ChangeContext, record: ChangingRecord): Promise<void> {
  const { change } = record;
  try {
    if (isSameImage(await imageOf(context.files, change.path), change.after)) await putBack(context, change);
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

function withRolledBack<Kind extends HostRecord>(record: Kind, change: PendingChange, reason: string): Kind {
  const { rolledBack } = withoutRolledBack(record, change);
  return { ...record, rolledBack: [...rolledBack, { digest: change.digest, reason }] };
}

function withoutRolledBack<Kind extends HostRecord>(record: Kind, { digest }: PendingChange): Kind {
  return { ...record, rolledBack: record.rolledBack.filter(other => other.digest !== digest) };
}
