import type { Container, Pod } from './pod.ts';

/**
 * What gVisor does with a field: refuses it or cannot do its work (`error`), ignores it, weakens isolation by it, or
 * works differently (`changed`).
 */
export type Severity = 'error' | 'ignored' | 'weakened' | 'changed';

/** Every finding code; a file of `findings/` each. Retired codes are never reused. */
export const FINDING_CODES = [
  'HostNetwork',
  'Windows',
  'BidirectionalMountPropagation',
  'RawBlockVolume',
  'HostPID',
  'HostIPC',
  'NodeNamePreset',
] as const;

/** The code of a finding. */
export type FindingCode = (typeof FINDING_CODES)[number];

/** One thing in a Pod spec that gVisor treats otherwise than runc does. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** The field, such as `spec.containers[0].volumeDevices[1]`. */
  readonly path: string;
  /** What gVisor does with it; a clause that follows the path and a colon, without a full stop. */
  readonly message: string;
}

/** Looks for one kind of finding in a Pod. @param containers all of the Pod's, listed once for every rule */
export type FindingRule = (pod: Pod, containers: readonly Container[]) => readonly Finding[];
