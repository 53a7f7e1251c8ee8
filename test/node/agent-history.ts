import fc from 'fast-check';
import type { EndedStep, Step } from '../../src/node/agent/step-report.ts';
import { labelWish } from '../../src/node/marks/standing.ts';
import { installed, proofs, trouble, VERDICTS, type World } from './agent-world.ts';

const { passed, failed, inconclusive } = VERDICTS;

/** One thing that happens in a history: which of them is chosen by the state, from these numbers. */
export const happening = fc.record({
  kind: fc.constantFrom(
    'end',
    'end',
    'end',
    'wait',
    'wait',
    'drift',
    'see',
    'wish',
    'unlabel',
    'api',
    'restart',
    'boot',
  ),
  // Mostly the first of what may happen, else hardly anything would come to its end.
  pick: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(99) }),
  random: fc.double({ min: 0, max: 1, noNaN: true }),
});

type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

/** How a step may end, first as it does when all goes well, but for looks: those would find nothing. */
const ENDS: Readonly<Record<Step, readonly EndedStep[]>> = {
  install: [
    installed('installed'),
    installed('unchanged'),
    { step: 'install', report: trouble('TargetFull') },
    { step: 'install', report: trouble('RestartFailed', 'failed') },
    { step: 'install', report: trouble('Busy') },
  ],
  verify: [
    { step: 'verify', report: { outcome: 'unsound', faults: [{ subject: 'payload', sentence: 'damaged' }] } },
    { step: 'verify', report: { outcome: 'sound', faults: [] } },
    { step: 'verify', report: trouble('ContainerdUnreachable', 'failed') },
  ],
  prove: [
    proofs(passed),
    proofs(failed),
    proofs(inconclusive),
    { step: 'prove', report: trouble('AgentFault', 'failed') },
  ],
  look: [
    { step: 'look', report: { outcome: 'clear' } },
    { step: 'look', report: trouble('SandboxesPresent') },
  ],
  uninstall: [
    { step: 'uninstall', report: { outcome: 'removed' } },
    { step: 'uninstall', report: trouble('SandboxesPresent') },
    { step: 'uninstall', report: trouble('RuntimeNotLoaded', 'failed') },
  ],
};

/** What an observer has seen, who knows the rules and not the code. */
export interface Seen {
  /** Conclusive proofs since the process began, or since the node was changed by a removal. */
  proofs: string[];
  /** The last look of this removal found nothing in the way, and nothing was changed since. */
  isClear: boolean;
  /** The label was there when it was taken off for a removal. */
  wasLifted: boolean;
  /** When repairs were made by this process. */
  repairs: number[];
}

/** An observer who has just come. */
export function nothingSeen(): Seen {
  return { proofs: [], isClear: false, wasLifted: false, repairs: [] };
}

/** Lets an observer see how a step ends, before it does. */
export function observe(world: World, ended: EndedStep, seen: Seen): void {
  if (ended.step === 'prove' && ended.report.outcome === 'proved') {
    const results = ended.report.verdicts.map(({ verdict }) => verdict.result);
    seen.proofs.push(...results.filter(result => result !== 'inconclusive'));
  }
  const isRepair = world.state.suspicion?.isConfirmed === true;
  if (ended.step === 'install' && ended.report.outcome === 'installed' && isRepair) seen.repairs.push(world.now);
  if (ended.step === 'look') seen.isClear = ended.report.outcome === 'clear' && world.wish === 'remove';
  if (ended.step === 'uninstall') {
    seen.isClear = false;
    if (ended.report.outcome !== 'refused') {
      seen.proofs = [];
      seen.wasLifted = false;
    }
  }
}

/** Judges every write of labels by the rules. @throws {Error} */
export function watchLabels(world: World, seen: Seen): void {
  world.onPlan = ({ metadata }) => {
    const text = JSON.stringify(metadata ?? {});
    if (!text.includes('gvisor-injector/runsc') && !text.includes('gvisor-injector~1runsc')) return;
    const isOn = text.includes('"ready"');
    const last = seen.proofs.slice(-2);
    if (isOn && last.at(-1) !== 'passed' && !seen.wasLifted) throw new Error('a label without a proof that was passed');
    if (
      !isOn &&
      !(last.length === 2 && last.every(result => result === 'failed')) &&
      world.wish !== 'remove' &&
      !seen.wasLifted
    ) {
      throw new Error('a label was taken without two failed proofs');
    }
    if (!isOn && world.wish === 'remove') {
      if (!seen.isClear && last.at(-1) !== 'failed')
        throw new Error('a label was lifted before anybody looked for sandboxes');
      seen.wasLifted ||= world.labels.has('runsc') && last.at(-1) !== 'failed';
    }
  };
}

/** One of the ways in which a step may end. */
export function endOf(task: Step, pick: number): EndedStep {
  return ENDS[task][pick % ENDS[task].length] ?? installed();
}

/** Lets one thing happen. @throws {Error} when it breaks a rule */
export function play(world: World, { kind, pick, random }: Happening, seen: Seen): void {
  world.random = random;
  const { task } = world.state;
  switch (kind) {
    case 'end': {
      if (task === undefined) return;
      const ended = endOf(task, pick);
      observe(world, ended, seen);
      const before = world.state.standings;
      world.end(ended);
      const isDoubt = ended.step === 'prove' && JSON.stringify(ended).includes('inconclusive');
      for (const [name, standing] of isDoubt ? Object.entries(before) : []) {
        const after = world.state.standings[name];
        if (after === undefined || labelWish(after) !== labelWish(standing))
          throw new Error('an inconclusive proof changed a label');
      }
      return;
    }
    case 'wait':
      world.wait(pick < 70 ? undefined : pick * 1000);
      return;
    case 'drift':
      world.happen({ kind: 'driftFound', what: 'a file' });
      return;
    case 'wish':
      world.wish = random < 0.5 ? 'install' : 'remove';
      world.see();
      return;
    case 'unlabel':
      world.labels.clear();
      world.see();
      return;
    case 'api':
      world.isUp = !world.isUp;
      if (world.isUp) world.happen({ kind: 'apiRecovered' });
      world.see();
      return;
    case 'see':
      world.see();
      return;
    case 'restart':
    case 'boot':
      Object.assign(seen, nothingSeen());
      world.restart(kind === 'boot' ? `boot-${pick}` : undefined);
      world.see();
      return;
    default:
      kind satisfies never;
  }
}
