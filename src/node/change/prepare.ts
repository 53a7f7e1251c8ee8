import type { Host } from '../host/host.ts';
import { readHost } from '../host/read-host.ts';
import { readMachineId } from '../host/machine-id.ts';
import { NodeError } from '../node-error.ts';
import { recoverChange } from './apply-change.ts';
import type { ChangeContext } from './context.ts';
import { removeCandidates } from './oracle.ts';
import { emptyRecord, type HostRecord, readRecord } from './record.ts';

/** A host as it was found, and what we did to it before. */
export interface PreparedHost {
  readonly host: Host;
  readonly record: HostRecord;
}

/**
 * Ends what an earlier run began, and reads the host.
 *
 * @throws {NodeError} the refusals of reading, or why the earlier change does not hold
 */
export async function prepareHost(context: ChangeContext): Promise<PreparedHost> {
  const found = await findRecord(context);
  await removeCandidates(context.files);
  await context.systemd.removeFinishedRuns();
  const record = await recoverChange(context, found);
  return { record, host: await readHost(context, record.entry?.path) };
}

/** Reads the host as {@link prepareHost} does, and ends nothing. */
export async function inspectHost(context: ChangeContext): Promise<PreparedHost> {
  const record = await findRecord(context);
  return { record, host: await readHost(context, record.entry?.path) };
}

/**
 * The record of this machine. A disk that was copied brings the record of another one: what it says of files is then
 * true all the same, but a change that it began was another machine's.
 */
async function findRecord({ files, report }: ChangeContext): Promise<HostRecord> {
  const machineId = await readMachineId(files);
  const record = await readRecord(files);
  if (record === undefined || record.machineId === machineId) return record ?? emptyRecord(machineId);
  if (record.change === null) {
    report(`taking over the record of machine ${record.machineId}, whose disk this was copied from`);
    return { ...record, machineId };
  }
  throw new NodeError('NodeRefused', {
    reason: 'RecordForeign',
    sentence: `the record is of machine ${record.machineId}, this is ${machineId}, and a change was under way there`,
    hint: `Look at ${record.change.path} and put it right by hand, then remove the record`,
  });
}
