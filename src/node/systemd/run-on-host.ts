import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import type { HostFiles } from '../host/host-files.ts';
import type { Manager } from './manager.ts';
import { withFolder } from './scratch-folder.ts';
import type { HostCommand, HostCommandResult } from './systemd.ts';
import { execStart, microseconds, START_TRANSIENT_UNIT, transientUnit, type UnitProperties } from './transient-unit.ts';

/** Where programs are run, and where their output is. */
export interface HostRunOptions {
  readonly manager: Manager;
  readonly files: HostFiles;
  /** The folder of the output, as the host sees it; it need not be there. */
  readonly folder: string;
}

const PURPOSE = /^[a-z][a-z-]*$/;
const UNIT_PREFIX = 'gvisor-injector';
const OUTPUT_FILE = /^(gvisor-injector-[a-z-]+-[0-9a-f]+\.service)\.(?:out|err)$/;
const OUTPUT_ATTRIBUTES = { mode: 0o600, uid: 0, gid: 0 } as const;
/** A program that goes wild must not fill the host's disk. */
const MAXIMUM_OUTPUT_BYTES = 16n * 1024n * 1024n;
/** Between SIGTERM and SIGKILL, for a program that has run out of time. */
const STOP_SECONDS = 5;
/** Beyond the program's own time, for systemd to say that it has ended. */
const MARGIN_SECONDS = 10;
/** `si_code` of a process that has ended by itself, in waitid(2). */
const CLD_EXITED = 1;
const FIRST_SYSTEMD_STATUS = 200;
const LAST_SYSTEMD_STATUS = 243;

/**
 * Runs a program as a transient unit and waits for its end. Its output goes to files, as nothing else reaches this
 * process from every systemd: they are there before the unit and removed after it, so that what is left of a run whose
 * agent has died is found by its files.
 */
export async function runOnHost(options: HostRunOptions, command: HostCommand): Promise<HostCommandResult> {
  if (!PURPOSE.test(command.purpose)) throw new TypeError(`purpose '${command.purpose}' is not one or more words`);
  const unit = `${UNIT_PREFIX}-${command.purpose}-${randomBytes(6).toString('hex')}.service`;
  const output = outputFiles(options.folder, unit);
  return await withFolder(options.files, options.folder, async () => {
    try {
      for (const file of output) await options.files.createFile(file, new Uint8Array(), OUTPUT_ATTRIBUTES);
      return await runUnit(options, unit, command);
    } finally {
      for (const file of output) await options.files.removeFile(file);
    }
  });
}

/** Removes what is left of runs whose agents have died. A program that still runs is left alone. */
export async function removeFinishedRuns({ manager, files, folder }: HostRunOptions): Promise<void> {
  const units = (await files.list(folder)).map(name => OUTPUT_FILE.exec(name)?.[1]);
  for (const unit of new Set(units)) {
    if (unit === undefined) continue;
    const path = await manager.loadUnit(unit);
    const state = await manager.property({ path, interface: 'Unit', name: 'ActiveState' }, v.string());
    if (state === 'activating' || state === 'deactivating') continue;
    await forgetUnit(manager, unit);
    for (const file of outputFiles(folder, unit)) await files.removeFile(file);
  }
}

async function runUnit(
  { manager, files, folder }: HostRunOptions,
  unit: string,
  command: HostCommand,
): Promise<HostCommandResult> {
  const [stdout, stderr] = outputFiles(folder, unit);
  const properties = unitProperties(command, { stdout, stderr });
  try {
    const call = {
      member: 'StartTransientUnit',
      signature: START_TRANSIENT_UNIT,
      values: transientUnit(unit, properties),
    };
    await manager.job(call, (command.timeoutSeconds + STOP_SECONDS + MARGIN_SECONDS) * 1000);
    const exitCode = await readExitCode(manager, unit);
    const said = await readText(files, stderr);
    return { exitCode, stdout: await readText(files, stdout), stderr: said || notExecuted(exitCode, command) };
  } finally {
    await forgetUnit(manager, unit);
  }
}

function unitProperties(
  { purpose, command, environment = [], timeoutSeconds }: HostCommand,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): UnitProperties {
  const [program, ...args] = command;
  if (program === undefined) throw new TypeError('a command without a program');
  return {
    Description: ['s', `gvisor-injector: ${purpose}`],
    Type: ['s', 'oneshot'],
    // So that it can be asked how it ended.
    RemainAfterExit: ['b', true],
    TimeoutStartUSec: microseconds(timeoutSeconds),
    TimeoutStopUSec: microseconds(STOP_SECONDS),
    StandardOutputFile: ['s', stdout],
    StandardErrorFile: ['s', stderr],
    LimitFSIZE: ['t', MAXIMUM_OUTPUT_BYTES],
    Environment: ['as', environment],
    ExecStart: execStart([program, ...args]),
  };
}

async function readExitCode(manager: Manager, unit: string): Promise<number | undefined> {
  const path = await manager.loadUnit(unit);
  const service = { path, interface: 'Service' };
  const result = await manager.property({ ...service, name: 'Result' }, v.string());
  const how = await manager.property({ ...service, name: 'ExecMainCode' }, v.number());
  const status = await manager.property({ ...service, name: 'ExecMainStatus' }, v.number());
  // A program that takes SIGTERM for an end like any other has not done its work all the same.
  return result !== 'timeout' && how === CLD_EXITED ? status : undefined;
}

/** systemd's own statuses, such as 203 for a program that is not there, come without a word of the program's. */
function notExecuted(exitCode: number | undefined, { command: [program] }: HostCommand): string {
  const isSystemd = exitCode !== undefined && exitCode >= FIRST_SYSTEMD_STATUS && exitCode <= LAST_SYSTEMD_STATUS;
  return isSystemd ? `systemd could not execute ${program}: status ${exitCode} in systemd.exec(5)` : '';
}

/** It stays otherwise, as one that has done its work or as one that has failed. */
async function forgetUnit(manager: Manager, unit: string): Promise<void> {
  await manager.job({ member: 'StopUnit', signature: 'ss', values: [unit, 'replace'] });
  await manager.resetFailed(unit);
}

async function readText(files: HostFiles, path: string): Promise<string> {
  return (await files.read(path))?.toString() ?? '';
}

function outputFiles(folder: string, unit: string): readonly [stdout: string, stderr: string] {
  return [`${folder}/${unit}.out`, `${folder}/${unit}.err`];
}
