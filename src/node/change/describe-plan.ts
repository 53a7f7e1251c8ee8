import type { ConfigurationChange } from '../containerd/configuration.ts';
import type { InstallPlan } from './install-plan.ts';
import { releaseFolder } from '../payload/release-folder.ts';
import type { UninstallPlan } from './uninstall-plan.ts';

/** One line of a plan: what, and what with. */
export interface PlanStep {
  readonly subject: string;
  readonly sentence: string;
}

const METHODS = {
  block: 'our marked block',
  'drop-in': 'our drop-in',
  template: 'our lines in the template',
} as const satisfies Record<ConfigurationChange['method'], string>;

/** The steps of an install, in their order. */
export function describeInstall(plan: InstallPlan): readonly PlanStep[] {
  const adopted = plan.adopted.map(name => ({
    subject: `handler ${name}`,
    sentence: 'is there already with the runtime type of gVisor, set up by somebody else; it is used as it is',
  }));
  if (plan.entries.length === 0) return adopted;
  return [
    ...adopted,
    {
      subject: 'payload',
      sentence: `release ${plan.release} into ${releaseFolder(plan.release)}, left alone if it is there and right`,
    },
    ...plan.runscFiles.map(({ path }) => ({ subject: 'runsc.toml', sentence: path })),
    ...(plan.unloaded.length > 0 ? [describeLoading(plan.unloaded)] : describeChange(plan.change)),
    ...describeNotes(plan.notes),
  ];
}

/** The steps of an uninstall, in their order. */
export function describeUninstall({ change, releases }: UninstallPlan): readonly PlanStep[] {
  return [
    ...describeChange(change),
    ...releases.map(release => ({ subject: 'payload', sentence: `remove ${releaseFolder(release)}` })),
    { subject: 'record', sentence: 'remove it, and every folder that we made and that is empty' },
  ];
}

function describeLoading(handlers: readonly string[]): PlanStep {
  const sentence = `the container runtime, as CRI has not loaded ${handlers.join(', ')}, which is in its configuration`;
  return { subject: 'restart', sentence };
}

function describeChange(change: ConfigurationChange | undefined): readonly PlanStep[] {
  if (change === undefined) {
    return [{ subject: 'configuration', sentence: 'is as it should be: nothing is written, nothing is restarted' }];
  }
  const { method, path, entries, before } = change;
  const what = entries.length === 0 ? 'without' : before === undefined ? 'make it, with' : 'write it with';
  return [
    { subject: 'oracle', sentence: "the node's own containerd is asked about the new configuration first" },
    { subject: 'timer', sentence: 'systemd puts the former file back, unless the change proves itself' },
    { subject: 'configuration', sentence: `${path}: ${what} ${METHODS[method]}` },
    { subject: 'restart', sentence: 'the container runtime; containers keep running' },
    { subject: 'gate', sentence: 'CRI answers, and its conditions are as before; else everything goes back' },
  ];
}

function describeNotes(notes: readonly string[]): readonly PlanStep[] {
  return notes.map(sentence => ({ subject: 'note', sentence }));
}
