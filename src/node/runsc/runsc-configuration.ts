import { join } from 'node:path/posix';
import { stringify } from 'smol-toml';
import { PRODUCT } from '../../policy/keys.ts';
import { printable } from '../../policy/printable.ts';
import { parseToml, valueAt } from '../containerd/toml.ts';
import type { CgroupDriver } from '../host/host.ts';
import { sha256Of } from '../host/sha256.ts';
import type { Refusal } from '../reason.ts';

/** The flag by which runsc is told the kubelet's driver; ours to set. */
const CGROUP_FLAG = 'systemd-cgroup';
const HASH_DIGITS = 12;
const HEADER = `# Written by ${PRODUCT} and named by its content. Change the flags in the policy, not here.`;
/** What Go's strconv.ParseBool takes for true and false, and so runsc. */
const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** What a handler's runsc.toml is made from. */
export interface RunscSettings {
  readonly handler: string;
  /** The folder of the release, an absolute path of the host. */
  readonly releaseFolder: string;
  /** Flags of the policy, without dashes; none that {@link flagContradictions} refuses. */
  readonly flags: Readonly<Record<string, string>>;
  readonly cgroupDriver: CgroupDriver;
}

/** A handler's runsc.toml, to lie in the folder of the release. */
export interface RunscConfiguration {
  /** It follows from the text: a change of flags is a new file, and sandboxes that run keep theirs. */
  readonly fileName: string;
  readonly text: string;
}

/**
 * A handler's runsc.toml, which containerd's ConfigPath names and the shim reads at every Pod's start (gvisor:
 * pkg/shim/v1/runsc/options.go). Every value is a string, as the shim takes nothing else. The same settings give the
 * same bytes, whatever the order of the flags.
 */
export function runscConfiguration({ handler, releaseFolder, flags, cgroupDriver }: RunscSettings): RunscConfiguration {
  // The shim compares with exactly "true" before it counts in cgroups of version 2 (container.go).
  const all = { ...flags, [CGROUP_FLAG]: cgroupDriver === 'systemd' ? 'true' : 'false' };
  const sorted = Object.fromEntries(Object.entries(all).toSorted(([left], [right]) => (left < right ? -1 : 1)));
  const text = `${HEADER}\n${stringify({ binary_name: join(releaseFolder, 'runsc'), runsc_config: sorted })}`;
  return { fileName: `${handler}-${sha256Of(text).slice(0, HASH_DIGITS)}.toml`, text };
}

/** The cgroup driver that a runsc.toml was written for; undefined when it does not say, or is no TOML. */
export function cgroupDriverIn(text: string): CgroupDriver | undefined {
  const result = parseToml(text);
  const value = 'tree' in result ? valueAt(result.tree, 'runsc_config', CGROUP_FLAG) : undefined;
  if (typeof value !== 'string') return undefined;
  if (TRUE.includes(value)) return 'systemd';
  return FALSE.includes(value) ? 'cgroupfs' : undefined;
}

/** Refuses the policy's own value of the flag that the node's cgroup driver decides, when it is another one. */
export function flagContradictions(
  handler: string,
  flags: Readonly<Record<string, string>>,
  cgroupDriver: CgroupDriver,
): readonly Refusal[] {
  const value = Object.hasOwn(flags, CGROUP_FLAG) ? flags[CGROUP_FLAG] : undefined;
  if (value === undefined || (cgroupDriver === 'systemd' ? TRUE : FALSE).includes(value)) return [];
  return [
    {
      reason: 'RunscFlagInvalid',
      sentence: `handler '${handler}' has the flag ${CGROUP_FLAG} = ${printable(JSON.stringify(value), 80)} in the policy, and the cgroup driver of this node is ${cgroupDriver}`,
      hint: `Take ${CGROUP_FLAG} out of runscFlags: it is set for each node; --cgroup-driver says what a node's driver is`,
    },
  ];
}
