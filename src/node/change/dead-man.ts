import { STATE_FOLDER, UNIT_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { replaceFile, temporaryPathOf } from '../host/replace-file.ts';
import { NodeError } from '../node-error.ts';
import type { Systemd } from '../systemd/systemd.ts';
import type { PendingChange } from './record.ts';
import { rollbackScript } from './rollback-script.ts';

const UNIT = 'gvisor-injector-rollback';
const TIMER = `${UNIT}.timer`;
const SERVICE = `${UNIT}.service`;
/** Where a link to the timer makes it count after a reboot too; it must be there before the timer is armed. */
export const TIMER_FOLDER = `${UNIT_FOLDER}/timers.target.wants`;
const WANTS_LINK = `${TIMER_FOLDER}/${TIMER}`;

/** The configuration file as it was before a change, for the timer and for us. */
export const ORIGINAL_FILE = `${STATE_FOLDER}/original`;
const SCRIPT_FILE = `${STATE_FOLDER}/rollback.sh`;
/** Made by the script before it puts anything back. */
const MARKER_FILE = `${STATE_FOLDER}/rolled-back`;
const ARMED_FILES = [WANTS_LINK, `${UNIT_FOLDER}/${TIMER}`, `${UNIT_FOLDER}/${SERVICE}`, SCRIPT_FILE];
/** With what an interrupted write of one of them leaves. */
const ALL_FILES = [...ARMED_FILES, ...ARMED_FILES.map(temporaryPathOf)];
const ATTRIBUTES = { mode: 0o644, uid: 0, gid: 0 } as const;

const SERVICE_TEXT = `# Written by gvisor-injector; removes itself.
[Unit]
Description=Puts back the container runtime's configuration, as a change of it did not prove itself
[Service]
Type=oneshot
ExecStart=/bin/sh ${SCRIPT_FILE}
`;

/** What arming and disarming work on. */
export interface DeadManHost {
  readonly files: HostFiles;
  readonly systemd: Systemd;
}

/**
 * The dead man's timer: a unit of the host's own systemd that puts the former configuration back, restarts the
 * container runtime and removes itself, unless it is disarmed in time. A node without its container runtime cannot
 * start a dead agent again, so nothing of ours needs to be alive for it; being a unit file, it also survives a reboot.
 *
 * @param afterSeconds counted from now, and from the boot after a reboot
 * @throws {NodeError} SystemdUnreachable when systemd does not start the timer, as when it is masked
 */
export async function armDeadMan(
  { files, systemd }: DeadManHost,
  change: PendingChange,
  afterSeconds: number,
): Promise<void> {
  await files.removeFile(MARKER_FILE);
  const places = { original: ORIGINAL_FILE, marker: MARKER_FILE, remove: ARMED_FILES, timer: TIMER };
  await replaceFile(files, SCRIPT_FILE, rollbackScript(change, places), ATTRIBUTES);
  await replaceFile(files, `${UNIT_FOLDER}/${SERVICE}`, SERVICE_TEXT, ATTRIBUTES);
  await replaceFile(files, `${UNIT_FOLDER}/${TIMER}`, timerText(afterSeconds), ATTRIBUTES);
  if ((await files.status(WANTS_LINK)) === undefined) await files.makeLink(WANTS_LINK, `../${TIMER}`);
  await files.syncFolder(TIMER_FOLDER);
  await systemd.reload();
  // A restart is one job of systemd's: there is no instant at which nobody counts, even if we die.
  const result = await systemd.restart(TIMER);
  if (result === 'done') return;
  throw new NodeError('NodeFailed', {
    reason: 'SystemdUnreachable',
    sentence: `systemd did not start ${TIMER}, without which nothing is changed: the job ended as '${result}'`,
    hint: `'systemctl status ${TIMER}' on the host says more`,
  });
}

/** Lets a timer that is armed count from now again, and one that fires at this very moment finish. */
export async function postponeDeadMan({ files, systemd }: DeadManHost): Promise<void> {
  if ((await files.status(`${UNIT_FOLDER}/${TIMER}`)) !== undefined) await systemd.restart(TIMER);
  await waitForService(systemd);
}

/** After it the timer never fires. One that fires at this very moment is let finish. */
export async function disarmDeadMan({ files, systemd }: DeadManHost): Promise<void> {
  await systemd.stop(TIMER);
  await waitForService(systemd);
  if (!(await isArmed(files))) return;
  for (const file of ALL_FILES) await files.removeFile(file);
  await files.syncFolder(UNIT_FOLDER);
  await systemd.reload();
  // A run that could put nothing back stays as a failed unit otherwise.
  await systemd.resetFailed(SERVICE);
}

/**
 * Does now what the timer would do, by its own service, so that it also ends when the agent does not live to see it.
 * Whether the file is back is for the caller to look at: the service leaves one that somebody else changed alone.
 */
export async function rollBackNow({ systemd }: DeadManHost): Promise<void> {
  await systemd.start(SERVICE);
}

/** True when the timer's files are there, whether it counts or not. */
export async function isArmed(files: HostFiles): Promise<boolean> {
  for (const file of ALL_FILES) {
    if ((await files.status(file)) !== undefined) return true;
  }
  return false;
}

/** True when the timer has fired since it was armed. */
export async function hasFired(files: HostFiles): Promise<boolean> {
  return (await files.status(MARKER_FILE)) !== undefined;
}

/** Forgets the original and that the timer fired, once the record says what became of the change. */
export async function forgetChange(files: HostFiles): Promise<void> {
  for (const file of [MARKER_FILE, ORIGINAL_FILE, temporaryPathOf(ORIGINAL_FILE)]) await files.removeFile(file);
}

/** To start what is being started is to wait for its end. */
async function waitForService(systemd: Systemd): Promise<void> {
  if ((await systemd.unit(SERVICE))?.activeState === 'activating') await systemd.start(SERVICE);
}

function timerText(afterSeconds: number): string {
  return `# Written by gvisor-injector; removed once the change has proved itself.
[Unit]
Description=Puts back the container runtime's configuration unless a change of it proves itself
[Timer]
OnActiveSec=${afterSeconds}s
AccuracySec=1s
`;
}
