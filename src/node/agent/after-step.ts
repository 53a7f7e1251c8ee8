import { demandProof, forget, giveBack, lift, proved, seeLabel, type Standing } from '../marks/standing.ts';
import {
  type AgentState,
  type Installed,
  type Instant,
  installedOf,
  mapStandings,
  NO_RETRY,
  type Retry,
} from './agent-state.ts';
import {
  afterProof,
  afterRefusedRemoval,
  afterTrouble,
  MAXIMUM_REPAIRS,
  nextLook,
  PROOF_WINDOW,
  REPAIR_WINDOW,
  spacingOf,
} from './patience.ts';
import { provedMessage } from './proved-message.ts';
import {
  type EndedStep,
  type InstalledReport,
  isTrouble,
  type ProvedReport,
  type Trouble,
  type VerifiedReport,
} from './step-report.ts';

type Reported<Name extends EndedStep['step']> = Extract<EndedStep, { readonly step: Name }>['report'];

/** The state after a step has ended. What its report says counts, even if the Node wants something else by now. */
export function afterStep(state: AgentState, ended: EndedStep, instant: Instant): AgentState {
  switch (ended.step) {
    case 'install':
      return afterInstall(state, ended.report, instant);
    case 'verify':
      return afterVerify(state, ended.report, instant);
    case 'prove':
      return afterProofs(state, ended.report, instant);
    case 'look':
      return afterLook(state, ended.report, instant);
    case 'uninstall':
      return afterUninstall(state, ended.report, instant);
    default:
      return ended satisfies never;
  }
}

function afterInstall(state: AgentState, report: Reported<'install'>, instant: Instant): AgentState {
  if (state.stage.kind === 'leaving') return state;
  if (!isTrouble(report)) return afterInstalled(state, report, instant);
  const retry = afterTrouble(state.retries.install, report, instant);
  return {
    ...state,
    stage: { kind: 'blocked', trouble: report, installed: installedOf(state) },
    retries: { ...state.retries, install: retry },
    // What was to be repaired may have broken the sandboxes too.
    standings: mapStandings(state, standing => (standing.label === 'held' ? demandProof(standing) : standing)),
  };
}

function afterInstalled(state: AgentState, report: InstalledReport, instant: Instant): AgentState {
  const { release, handlers, outcome } = report;
  const installed = { release, handlers };
  const isRepair = state.suspicion?.isConfirmed === true;
  const known = { ...state, stage: { kind: 'present', installed } as const };
  return {
    ...known,
    standings: standingsAfter(known, installed, outcome === 'installed' || isRepair),
    suspicion: undefined,
    contestedUntil: undefined,
    repairs: isRepair
      ? [...recentRepairs(state, instant), { at: instant.now, what: state.suspicion?.what ?? '' }]
      : state.repairs,
    lookAt: nextLook(instant),
    retries: { ...state.retries, install: NO_RETRY },
  };
}

/**
 * A handler is to be proved when something was changed, and else unless the node says already what a proof would make it
 * say: same release, same handlers, same boot. The label of a handler that the policy no longer has goes.
 */
function standingsAfter(state: AgentState, installed: Installed, hasChanged: boolean): AgentState['standings'] {
  const { node, bootId, standings } = state;
  const saysSo = node?.condition?.status === 'True' && node.condition.message === provedMessage(installed, bootId);
  const names = new Set(installed.handlers.map(({ name }) => name));
  const wanted = [...names].map((name): [string, Standing] => {
    const standing = standings[name] ?? seeLabel(undefined, node?.labelled.includes(name) === true);
    const isDue = hasChanged || !saysSo || standing.isDue;
    return [name, { ...standing, isDue }];
  });
  const dropped = Object.entries(standings).filter(([name]) => !names.has(name));
  return Object.fromEntries([
    ...wanted,
    ...dropped.map(([name, standing]): [string, Standing] => [name, lift(standing)]),
  ]);
}

function recentRepairs({ repairs }: AgentState, { now }: Instant): AgentState['repairs'] {
  return repairs.filter(({ at }) => now - at < REPAIR_WINDOW);
}

/** So many looks that nobody could take say as much as one that finds something. */
const BLIND_LOOKS = 3;

function afterVerify(state: AgentState, report: VerifiedReport | Trouble, instant: Instant): AgentState {
  if (isTrouble(report)) return afterBlindLook(state, report, instant);
  const looked = { ...state, lookAt: nextLook(instant), retries: { ...state.retries, look: NO_RETRY } };
  if (report.outcome === 'unsound') return afterUnsound(looked, report, instant);
  return { ...looked, suspicion: undefined, contestedUntil: undefined };
}

/** Nothing is known: soon again, and in the end an install finds out what is the matter. */
function afterBlindLook(state: AgentState, trouble: Trouble, instant: Instant): AgentState {
  const look = afterTrouble(state.retries.look, trouble, instant);
  if (look.failures >= BLIND_LOOKS) {
    const faults = [{ subject: trouble.reason, sentence: trouble.sentence }];
    const cleared = { ...state, retries: { ...state.retries, look: NO_RETRY } };
    return afterUnsound(cleared, { outcome: 'unsound', faults }, instant);
  }
  return { ...state, suspicion: undefined, lookAt: look.notBefore, retries: { ...state.retries, look } };
}

function afterUnsound(state: AgentState, { faults }: VerifiedReport, instant: Instant): AgentState {
  const found = faults.map(({ subject, sentence }) => `${subject}: ${sentence}`).join('; ');
  const what = state.suspicion === undefined ? found : `${state.suspicion.what}; ${found}`;
  const suspicion = { isConfirmed: true, what };
  const repairs = recentRepairs(state, instant);
  const [oldest] = repairs;
  if (oldest === undefined || repairs.length < MAXIMUM_REPAIRS) return { ...state, suspicion, repairs };
  const contestedUntil = oldest.at + REPAIR_WINDOW;
  // It stays as it is for a while: do sandboxes start nevertheless?
  return { ...state, suspicion, repairs, contestedUntil, standings: mapStandings(state, demandProof) };
}

function afterProofs(state: AgentState, report: ProvedReport | Trouble, instant: Instant): AgentState {
  const verdicts = isTrouble(report) ? [] : report.verdicts;
  const standings = { ...state.standings };
  for (const { handler, verdict } of verdicts) {
    const standing = standings[handler];
    if (standing !== undefined) standings[handler] = proved(standing, verdict);
  }
  if (isTrouble(report)) {
    const verdict = { result: 'inconclusive', cause: 'AgentFault', sentence: report.sentence } as const;
    for (const [handler, standing] of Object.entries(standings)) {
      if (standing.isDue) standings[handler] = proved(standing, verdict);
    }
  }
  const isDone = !isTrouble(report) && verdicts.every(({ verdict }) => verdict.result === 'passed');
  const proofs = [...state.proofs.filter(at => instant.now - at < PROOF_WINDOW), instant.now];
  const { failures, notBefore } = isDone ? NO_RETRY : afterProof(state.retries.prove, instant);
  // However often somebody takes the label away, proofs are not run without end.
  const prove: Retry = { failures, notBefore: Math.max(notBefore, instant.now + spacingOf(proofs.length)) };
  return { ...state, standings, proofs, retries: { ...state.retries, prove } };
}

function afterLook(state: AgentState, report: Reported<'look'>, instant: Instant): AgentState {
  if (state.stage.kind !== 'leaving') return state;
  if (isTrouble(report)) return afterFailedRemoval(state, report, instant);
  return {
    ...state,
    stage: { kind: 'leaving', isClear: true, trouble: undefined },
    standings: mapStandings(state, lift),
    retries: { ...state.retries, remove: NO_RETRY },
  };
}

function afterUninstall(state: AgentState, report: Reported<'uninstall'>, instant: Instant): AgentState {
  // Refused: a sandbox came at the last moment, nothing was changed, and kubelets look for the label when they restart.
  const isAsBefore = report.outcome === 'refused';
  const known = { ...state, standings: mapStandings(state, isAsBefore ? giveBack : forget) };
  if (state.stage.kind !== 'leaving') return known;
  if (isTrouble(report)) return afterFailedRemoval(known, report, instant);
  return { ...known, stage: { kind: 'absent' }, retries: { ...state.retries, remove: NO_RETRY } };
}

function afterFailedRemoval(state: AgentState, trouble: Trouble, instant: Instant): AgentState {
  const remove = afterRefusedRemoval(state.retries.remove, trouble, instant);
  return { ...state, stage: { kind: 'leaving', isClear: false, trouble }, retries: { ...state.retries, remove } };
}
