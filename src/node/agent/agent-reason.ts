/**
 * Reasons of the condition beyond those by which a step on the host is refused or fails. Stable words; retired ones are
 * never reused.
 */
export const AGENT_REASONS = [
  // True
  'Proved',
  // Not yet
  'Installing',
  'Proving',
  // Proofs
  'ProofFailed',
  'ProofInconclusive',
  // Somebody else writes what we write
  'Contested',
  // Removal
  'Removing',
  'Removed',
  // Our own
  'AgentFault',
] as const;

/** One of {@link AGENT_REASONS}. */
export type AgentReason = (typeof AGENT_REASONS)[number];
