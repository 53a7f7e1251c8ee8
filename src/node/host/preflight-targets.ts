import type { Refusal } from '../reason.ts';
import type { Host, Target } from './host.ts';

const MEBIBYTE = 1024 * 1024;
/** Kept free beyond the payload: for record, originals and candidates, and so that nobody's last byte is ours. */
const SPARE_BYTES = 16 * MEBIBYTE;

/** What keeps us from writing into the places of an install: each reason once for each purpose. */
export function judgeTargets(host: Host, payloadBytes: number): readonly Refusal[] {
  const found = new Map<string, Refusal>();
  for (const target of host.targets) {
    const bytes = target.purpose === 'payload' ? payloadBytes : 0;
    const refusals = [...judgeWriting(target, linkOf(host)), ...judgeExecution(target), ...judgeSpace(target, bytes)];
    for (const refusal of refusals) {
      const key = `${target.purpose} ${refusal.reason}`;
      if (!found.has(key)) found.set(key, refusal);
    }
  }
  return [...found.values()];
}

/** The same for the folder of our state alone, without which not even a program's output can be had from the host. */
export function judgeStateFolder(targets: readonly Target[]): Refusal | undefined {
  const state = targets.filter(({ purpose }) => purpose === 'state');
  return state.flatMap(target => [...judgeWriting(target, ''), ...judgeSpace(target, 0)])[0];
}

/** @param link what is said first of the configuration */
function judgeWriting(target: Target, link: string): readonly Refusal[] {
  const { fileSystem, writable } = target;
  if (!fileSystem.readOnly && writable) return [];
  const isConfiguration = target.purpose === 'configuration';
  const reason = isConfiguration ? 'ConfigurationReadOnly' : 'TargetReadOnly';
  const place = isConfiguration ? `${link}${placeOf(target)}` : placeOf(target);
  if (!fileSystem.readOnly) {
    const hint = 'Run as root, with the capabilities that the README names';
    return [{ reason, sentence: `${place} does not let this process make files`, hint }];
  }
  const hint = isConfiguration
    ? "The system of this node keeps containerd's configuration to itself: change it where it is made, or use other nodes"
    : 'Mount it writable, or use nodes whose system can be changed';
  return [{ reason, sentence: `${place} is on a file system that is mounted read-only`, hint }];
}

/** Says first that the configuration is a link, as the place then is one that nobody named. */
function linkOf({ layout, configuration }: Host): string {
  const isLink = layout.configuration !== configuration.rootPath;
  return isLink ? `${layout.configuration} leads to ${configuration.rootPath}, and ` : '';
}

function judgeExecution(target: Target): readonly Refusal[] {
  if (target.purpose !== 'payload' || !target.fileSystem.noExecution) return [];
  return [
    {
      reason: 'TargetNotExecutable',
      sentence: `${placeOf(target)} is on a file system that is mounted noexec`,
      hint: 'runsc and its shim are started from there: mount it without noexec',
    },
  ];
}

function judgeSpace(target: Target, bytes: number): readonly Refusal[] {
  const { readOnly, freeBytes } = target.fileSystem;
  const needed = bytes + SPARE_BYTES;
  if (readOnly || freeBytes >= needed) return [];
  const free = Math.floor(freeBytes / MEBIBYTE);
  return [
    {
      reason: 'TargetFull',
      sentence: `${placeOf(target)} has ${free} MiB free, and ${Math.ceil(needed / MEBIBYTE)} MiB are needed`,
      hint: 'Make room there',
    },
  ];
}

function placeOf({ path, existing }: Target): string {
  return path === existing ? path : `${path} (only ${existing} is there yet)`;
}
