import type { Verdict } from '../proof/verdict.ts';

/**
 * Where the ready label of a handler stands.
 *
 * `missing`: it is not there, or not by us, and a proof must be passed first. `earned`: a proof was passed, and the label
 * is on its way. `held`: it was seen on the node. `withdrawn`: it goes, or is gone, and a proof must be passed first.
 * `lifted`: we took it off to remove gVisor, and may put it back as long as nothing was changed.
 */
export type LabelState = 'missing' | 'earned' | 'held' | 'withdrawn' | 'lifted';

/** What is known of a handler on this node. */
export interface Standing {
  readonly label: LabelState;
  /** Failed proofs in a row; inconclusive ones between them say nothing. */
  readonly failures: number;
  /** Of the last proof; undefined before the first of this process. */
  readonly verdict: Verdict | undefined;
  /** A proof is to be run. */
  readonly isDue: boolean;
}

/** What the label is to be: `leave` writes nothing. */
export type LabelWish = 'present' | 'absent' | 'leave';

/** A sandbox that was killed by a full disk is no reason to drain a node: only the second failure in a row takes the label. */
const FAILURES_TO_WITHDRAW = 2;

/** The standing of a handler after a look at the node's labels. A label that is there at the first look stays. */
export function seeLabel(standing: Standing | undefined, isLabelled: boolean): Standing {
  const known = standing ?? {
    label: isLabelled ? 'held' : 'missing',
    failures: 0,
    verdict: undefined,
    isDue: !isLabelled,
  };
  if (isLabelled) return known.label === 'earned' ? { ...known, label: 'held' } : known;
  return known.label === 'held' ? { ...known, label: 'missing', isDue: true } : known;
}

/** The standing after a proof. */
export function proved(standing: Standing, verdict: Verdict): Standing {
  switch (verdict.result) {
    case 'passed':
      return { label: afterPass(standing.label), failures: 0, verdict, isDue: false };
    case 'failed': {
      const failures = standing.failures + 1;
      return { label: afterFailure(standing.label, failures), failures, verdict, isDue: true };
    }
    case 'inconclusive':
      return { ...standing, verdict, isDue: true };
    default:
      return verdict satisfies never;
  }
}

function afterPass(label: LabelState): LabelState {
  return label === 'missing' || label === 'withdrawn' ? 'earned' : label;
}

function afterFailure(label: LabelState, failures: number): LabelState {
  if (failures >= FAILURES_TO_WITHDRAW) return 'withdrawn';
  return label === 'earned' ? 'missing' : label;
}

/** Asks for a proof: something changed on the node. */
export function demandProof(standing: Standing): Standing {
  return { ...standing, isDue: true };
}

/** Takes the label off before gVisor is removed. */
export function lift(standing: Standing): Standing {
  const isOurs = standing.label === 'held' || standing.label === 'earned' || standing.label === 'lifted';
  return { ...standing, label: isOurs ? 'lifted' : 'withdrawn', isDue: false };
}

/** Gives the label back that was lifted, as nothing was changed on the node. */
export function giveBack(standing: Standing): Standing {
  return standing.label === 'lifted' ? { ...standing, label: 'earned' } : standing;
}

/** After a removal that was begun: whatever was proved before holds no longer. */
export function forget(standing: Standing): Standing {
  const label = standing.label === 'lifted' ? 'withdrawn' : standing.label;
  return { ...standing, label, isDue: true };
}

/** What the label is to be. */
export function labelWish({ label }: Standing): LabelWish {
  switch (label) {
    case 'earned':
    case 'held':
      return 'present';
    case 'withdrawn':
    case 'lifted':
      return 'absent';
    case 'missing':
      return 'leave';
    default:
      return label satisfies never;
  }
}

/** True when a proof was passed, and nothing asks for another. */
export function isProved({ label, isDue }: Standing): boolean {
  return !isDue && (label === 'held' || label === 'earned');
}
