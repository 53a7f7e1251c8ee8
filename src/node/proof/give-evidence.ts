import { type Clock, sleep } from '../../kube/clock.ts';
import { type EvidenceSurroundings, evidenceText, gatherEvidence } from './evidence.ts';

/** Where a kubelet takes a container's last word from, unless its Pod says otherwise. */
export const TERMINATION_MESSAGE_FILE = '/dev/termination-log';

/** How long the program of a proof stays, so that it can be looked at from the host: a dozen looks. */
export const STAY_SECONDS = 4;

/** What the program of a proof works with. */
export interface GiveEvidenceOptions {
  readonly surroundings: EvidenceSurroundings;
  /** Writes the termination message. */
  readonly write: (text: string) => Promise<void>;
  readonly clock: Clock;
  /** Ends the stay. */
  readonly signal: AbortSignal;
}

/** The program of a proof: tells what it sees, and stays for a while. @throws the signal's reason */
export async function giveEvidence({ surroundings, write, clock, signal }: GiveEvidenceOptions): Promise<void> {
  await write(evidenceText(await gatherEvidence(surroundings)));
  await sleep(clock, STAY_SECONDS * 1000, signal);
}
