/**
 * The node room: what the node agent does to one host. It reads the host to a value, plans purely, and applies the plan
 * so that the host has the old configuration or the new one after every interruption.
 *
 * Reasons are stable words: exit messages, `--output json` and later the node's condition carry them. Retired ones are
 * never reused.
 */
export const NODE_REASONS = [
  // What preflight finds
  'LayoutUnknown',
  'LayoutAmbiguous',
  'LayoutUnsupported',
  'ContainerdTooOld',
  'ContainerdKnownBad',
  'ContainerdUnreachable',
  'KernelTooOld',
  'UserNamespacesOff',
  'SELinuxEnabled',
  'CRIDisabled',
  'ArchitectureUnsupported',
  'TargetNotExecutable',
  'TargetReadOnly',
  'TargetFull',
  'ConfigurationReadOnly',
  'ConfigurationInvalid',
  'ConfigurationNotExtensible',
  'HandlerTaken',
  'CgroupDriverUnknown',
  // Payload
  'PayloadUnavailable',
  'PayloadTruncated',
  'PayloadChecksumMismatch',
  'PayloadInvalid',
  'PayloadWrongArchitecture',
  'PayloadIncomplete',
  'PayloadMixedReleases',
  'RunscFlagUnknown',
  'RunscFlagInvalid',
  // Applying
  'SystemdUnreachable',
  'Busy',
  'StorageFailed',
  'RecordForeign',
  'RecordInvalid',
  'OracleRefused',
  'ConfigurationChangedMeanwhile',
  'RestartFailed',
  'RuntimeNotLoaded',
  'RolledBackBefore',
  'Interrupted',
  // Removal
  'SandboxesPresent',
  'EntryChanged',
] as const;

/** One of {@link NODE_REASONS}. */
export type NodeReason = (typeof NODE_REASONS)[number];

/** Why something cannot be done on this host: a stable word, a sentence with the found value, and the next step. */
export interface Refusal {
  readonly reason: NodeReason;
  /** What was found, where, and what was expected; no full stop. */
  readonly sentence: string;
  /** What the person can do; no full stop. */
  readonly hint: string;
}
