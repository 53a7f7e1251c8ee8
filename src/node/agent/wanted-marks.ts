import type { WantedCondition, WantedMarks } from '../marks/plan-marks.ts';
import { labelWish, type Standing } from '../marks/standing.ts';
import type { AgentReason } from './agent-reason.ts';
import { type AgentState, type Installed, installedOf, type Stage } from './agent-state.ts';
import { isReady } from './next-task.ts';
import { isPassing } from './patience.ts';
import { provedMessage } from './proved-message.ts';
import type { Trouble } from './step-report.ts';

/** Failures of what mostly passes by itself, before the node says so that was ready until then. */
const SILENT_FAILURES = 2;

/** How the node is to be marked; undefined when it is none of our business. */
export function wantedMarks(state: AgentState): WantedMarks | undefined {
  const { node, standings } = state;
  if (node === undefined || node.wish === 'none') return undefined;
  return {
    condition: wantedCondition(state),
    labels: Object.fromEntries(Object.entries(standings).map(([name, standing]) => [name, labelWish(standing)])),
    liftTaint: node.wish === 'install' && isReady(state),
  };
}

function wantedCondition(state: AgentState): WantedCondition | undefined {
  const { stage } = state;
  switch (stage.kind) {
    case 'unknown':
      return unlessReady(state, passing('Installing', 'gVisor is being installed'));
    case 'present':
      return conditionOfProofs(state, stage.installed);
    case 'blocked':
      return conditionOfTrouble(state, stage.trouble);
    case 'leaving':
      return conditionOfRemoval(state, stage);
    case 'absent':
      return {
        status: 'False',
        reason: 'Removed',
        message: 'nothing of gvisor-injector is on this node',
        event: 'Normal',
      };
    default:
      return stage satisfies never;
  }
}

/** A node that says it is ready goes on saying so until something speaks against it: an agent that restarts does not. */
function unlessReady({ node }: AgentState, condition: WantedCondition): WantedCondition | undefined {
  return node?.condition?.status === 'True' ? undefined : condition;
}

function passing(reason: AgentReason, message: string): WantedCondition {
  return { status: 'False', reason, message, event: 'none' };
}

function conditionOfProofs(state: AgentState, installed: Installed): WantedCondition | undefined {
  const verdicts = installed.handlers.flatMap(({ name }) => {
    const standing = state.standings[name];
    return standing?.verdict === undefined ? [] : [{ name, standing, verdict: standing.verdict }];
  });
  const failed = verdicts.find(({ verdict }) => verdict.result === 'failed');
  if (failed !== undefined) return conditionOfFailure(failed.name, failed.standing, failed.verdict.sentence);
  if (state.contestedUntil !== undefined) return conditionOfContest(state);
  const open = verdicts.find(({ verdict }) => verdict.result === 'inconclusive');
  if (open !== undefined) return conditionOfDoubt(state, open.name, open.verdict.sentence);
  if (isReady(state)) {
    return { status: 'True', reason: 'Proved', message: provedMessage(installed, state.bootId), event: 'Normal' };
  }
  return unlessReady(state, passing('Proving', 'gVisor is installed, and a Pod has yet to prove it'));
}

function conditionOfFailure(name: string, { label }: Standing, sentence: string): WantedCondition {
  const note = label === 'held' ? '; the label stays unless the next proof fails too' : '';
  return { status: 'False', reason: 'ProofFailed', message: `handler ${name}: ${sentence}${note}`, event: 'Warning' };
}

function conditionOfDoubt(state: AgentState, name: string, sentence: string): WantedCondition | undefined {
  const condition: WantedCondition = {
    status: 'Unknown',
    reason: 'ProofInconclusive',
    message: `handler ${name}: ${sentence}; this says nothing of gVisor, and the label is left as it is`,
    event: 'Warning',
  };
  return state.retries.prove.failures <= SILENT_FAILURES ? unlessReady(state, condition) : condition;
}

function conditionOfContest({ suspicion, repairs, standings }: AgentState): WantedCondition {
  const isWorking = Object.values(standings).every(({ verdict }) => verdict?.result === 'passed');
  const what = suspicion?.what ?? repairs.at(-1)?.what ?? '';
  const message = `repaired ${repairs.length} times within an hour, and changed again by somebody: ${what}`;
  return { status: isWorking ? 'True' : 'False', reason: 'Contested', message, event: 'Warning' };
}

function conditionOfTrouble(state: AgentState, trouble: Trouble): WantedCondition | undefined {
  const { reason, sentence, hint } = trouble;
  const before = installedOf(state) === undefined ? '' : '; what was installed before is still there';
  const message = `${sentence}. ${hint}${before}`;
  const condition: WantedCondition = { status: 'False', reason, message, event: 'Warning' };
  const isSilent = isPassing(trouble) && state.retries.install.failures <= SILENT_FAILURES;
  return isSilent ? unlessReady(state, condition) : condition;
}

type Leaving = Extract<Stage, { readonly kind: 'leaving' }>;

function conditionOfRemoval({ standings }: AgentState, { isClear, trouble }: Leaving): WantedCondition | undefined {
  if (trouble === undefined) {
    return isClear ? passing('Removing', 'gVisor is being removed') : undefined;
  }
  const isHeld = Object.values(standings).some(({ label }) => label === 'held' || label === 'earned');
  const { reason, sentence, hint } = trouble;
  const message = `gVisor is to be removed, and cannot be yet: ${sentence}. ${hint}`;
  return { status: isHeld ? 'True' : 'False', reason, message, event: 'Warning' };
}
