import { printable } from '../../policy/printable.ts';
import type { Refusal } from '../reason.ts';

/** The three numbers of a containerd's version. */
export interface ContainerdVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

const MESSAGE_LENGTH = 60;
/**
 * The first patch of each minor that ends a sandbox of gVisor's: before it Pods stay in Terminating and shims leak
 * (google/gvisor#11319; 'properly shutdown non-groupable shims' is in v2.0.6 and v2.1.2).
 */
const FIRST_GOOD_PATCH: ReadonlyMap<string, number> = new Map([
  ['2.0', 6],
  ['2.1', 2],
]);
const UPGRADE = 'Upgrade containerd to a current 1.7, or to 2.0.6, 2.1.2 or later';

/**
 * The numbers of a version as CRI and `containerd --version` say it, with what a distribution puts around them:
 * `1.7.24~ds1`, `2.2.2-bd1.34`, `2.1.9+ds`, `v2.4.0-beta.0`. Undefined for anything else.
 */
export function parseContainerdVersion(text: string): ContainerdVersion | undefined {
  const [, major, minor, patch] = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+~.].*)?$/s.exec(text) ?? [];
  if (major === undefined) return undefined;
  return { major: Number(major), minor: Number(minor), patch: Number(patch) };
}

/** Why a containerd of this version cannot run gVisor's shim; undefined when it can. */
export function judgeContainerdVersion(text: string): Refusal | undefined {
  const version = parseContainerdVersion(text);
  const shown = printable(text, MESSAGE_LENGTH);
  if (version === undefined) {
    return {
      reason: 'ContainerdTooOld',
      sentence: `containerd says that its version is '${shown}', and no version like 1.7.24 can be read from that`,
      hint: 'Use a released containerd, 1.7 or later',
    };
  }
  const { major, minor, patch } = version;
  if (major < 1 || (major === 1 && minor < 7)) {
    return {
      reason: 'ContainerdTooOld',
      sentence: `containerd is ${shown}, and gVisor's shim needs 1.7 or later`,
      hint: UPGRADE,
    };
  }
  const firstGood = FIRST_GOOD_PATCH.get(`${major}.${minor}`);
  if (firstGood === undefined || patch >= firstGood) return undefined;
  return {
    reason: 'ContainerdKnownBad',
    sentence: `containerd is ${shown}, and before ${major}.${minor}.${firstGood} Pods in gVisor never end`,
    hint: UPGRADE,
  };
}

/** True for containerd 2.0 and later, which merges an imported file into the root file instead of replacing whole plugins. */
export function mergesImports({ major }: ContainerdVersion): boolean {
  return major >= 2;
}

/** The newest version of a configuration file that a containerd reads (containerd: version.ConfigVersion of each release). */
export function newestConfigurationVersion({ major, minor }: ContainerdVersion): number {
  if (major < 2) return 2;
  return major === 2 && minor < 3 ? 3 : 4;
}
