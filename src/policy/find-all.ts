import type { Finding, FindingCode, FindingRule } from './finding.ts';
import { findBidirectionalMountPropagation } from './findings/bidirectional-mount-propagation.ts';
import { findHostIPC } from './findings/host-ipc.ts';
import { findHostNetwork } from './findings/host-network.ts';
import { findHostPID } from './findings/host-pid.ts';
import { findNodeNamePreset } from './findings/node-name-preset.ts';
import { findRawBlockVolume } from './findings/raw-block-volume.ts';
import { findWindows } from './findings/windows.ts';
import { containersOf, type Pod } from './pod.ts';

const FINDING_RULES = {
  HostNetwork: findHostNetwork,
  Windows: findWindows,
  BidirectionalMountPropagation: findBidirectionalMountPropagation,
  RawBlockVolume: findRawBlockVolume,
  HostPID: findHostPID,
  HostIPC: findHostIPC,
  NodeNamePreset: findNodeNamePreset,
} as const satisfies Record<FindingCode, FindingRule>;

const ORDERED_RULES: readonly FindingRule[] = Object.values(FINDING_RULES);

/** Every finding in a Pod, all at once, in the order of `FINDING_CODES`. */
export function findAll(pod: Pod): readonly Finding[] {
  const containers = containersOf(pod);
  const found: Finding[] = [];
  for (const rule of ORDERED_RULES) found.push(...rule(pod, containers));
  return found;
}
