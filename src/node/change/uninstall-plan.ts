import type { ConfigurationChange } from '../containerd/configuration.ts';
import { planRemoval } from '../containerd/plan-removal.ts';
import { type Host, RELEASES_FOLDER } from '../host/host.ts';
import type { Refusal } from '../reason.ts';
import type { RuntimeSandbox } from '../runtime/container-runtime.ts';
import { findLostEntry } from './lost-entry.ts';
import type { HostRecord } from './record.ts';
import type { DetailedSandbox } from './sandboxes.ts';

/** What an uninstall will do. */
export interface UninstallPlan {
  /** Not empty: nothing will be done. */
  readonly refusals: readonly Refusal[];
  /** Undefined when the configuration has nothing of ours. */
  readonly change: ConfigurationChange | undefined;
  /** Releases whose folders go, in the end. */
  readonly releases: readonly string[];
}

/** Plans a removal: a pure function of the host, its record and its sandboxes. */
export function planUninstall(host: Host, record: HostRecord, sandboxes: readonly DetailedSandbox[]): UninstallPlan {
  const { releases, entry } = record;
  const ours = sandboxes.filter(sandbox => isOurs(sandbox, record));
  if (ours.length > 0) return { refusals: [sandboxesPresent(ours)], change: undefined, releases };
  if (entry === null) {
    const lost = findLostEntry(host, record);
    return { refusals: lost === undefined ? [] : [lost.refusal], change: undefined, releases };
  }
  const change = planRemoval({ layout: host.layout, configuration: host.configuration, entry });
  if (change !== undefined && 'reason' in change) return { refusals: [change], change: undefined, releases };
  return { refusals: [], change, releases };
}

/** True when a sandbox was started by a handler of ours, or needs one of our releases. */
export function isOurs({ handler, details }: DetailedSandbox, { entry }: HostRecord): boolean {
  return entry?.handlers.includes(handler) === true || details?.configPath?.startsWith(`${RELEASES_FOLDER}/`) === true;
}

/** Sandboxes in words, with the ids that crictl shows. */
export function namesOf(sandboxes: readonly RuntimeSandbox[]): string {
  return sandboxes.map(({ namespace, name, id }) => `${namespace}/${name} (${id.slice(0, 13)})`).join(', ');
}

/** The refusal that names sandboxes which hold a removal up. */
export function sandboxesPresent(sandboxes: readonly RuntimeSandbox[]): Refusal {
  return {
    reason: 'SandboxesPresent',
    sentence: `sandboxes of ours are on this node: ${namesOf(sandboxes)}`,
    hint: 'Drain the node, or delete these Pods, and run it again',
  };
}
