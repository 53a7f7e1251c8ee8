import type { Finding, FindingCode, FindingRule } from './finding.ts';
import { findBidirectionalMountPropagation } from './findings/bidirectional-mount-propagation.ts';
import { findHostIPC } from './findings/host-ipc.ts';
import { findHostNetwork } from './findings/host-network.ts';
import { findHostPID } from './findings/host-pid.ts';
import { findNodeNamePreset } from './findings/node-name-preset.ts';
import { findRawBlockVolume } from './findings/raw-block-volume.ts';
import { findWindows } from './findings/windows.ts';
import type { Pod } from './pod.ts';

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
  return ORDERED_RULES.flatMap(rule => rule(pod));
}
