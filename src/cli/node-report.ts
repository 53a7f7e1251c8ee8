import type { ExitCode } from '../errors/user-error.ts';
import type { PlanStep } from '../node/change/describe-plan.ts';
import { NodeError } from '../node/node-error.ts';
import type { Refusal } from '../node/reason.ts';
import { printable } from '../policy/printable.ts';
import type { CommandIO } from './command.ts';
import { renderTable } from './table.ts';

const SENTENCE_LENGTH = 2000;

/** A plan as numbered steps. */
export function printSteps(steps: readonly PlanStep[]): string {
  return renderTable(
    ['step', 'what', 'how'],
    steps.map(({ subject, sentence }, index) => [`${index + 1}`, subject, sentence]),
  );
}

/** The outcome of a dry run, for scripts. */
export function plannedOutcome({ refusals }: { readonly refusals: readonly Refusal[] }): 'planned' | 'refused' {
  return refusals.length > 0 ? 'refused' : 'planned';
}

/** Every reason why nothing is done, each with what to do, on stderr. */
export function printRefusals(refusals: readonly Refusal[], io: CommandIO): void {
  for (const { reason, sentence, hint } of refusals) {
    io.stderr.write(`refused: ${reason}: ${printable(sentence, SENTENCE_LENGTH)}\nhint: ${hint}\n`);
  }
}

/** How a step's result is printed. */
export type NodeOutput = 'table' | 'json';

/**
 * Runs a step, so that with `--output json` a failure is one JSON object on stdout too: `outcome` is `refused` or
 * `failed`, and `refusals` has reason, sentence and hint.
 */
export async function reportingFailures(
  output: NodeOutput,
  io: CommandIO,
  step: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await step();
  } catch (error) {
    if (output !== 'json' || !(error instanceof NodeError)) throw error;
    const { reason, sentence, hint } = error;
    const outcome = error.code === 'NodeRefused' ? 'refused' : 'failed';
    io.stdout.write(`${JSON.stringify({ outcome, refusals: [{ reason, sentence, hint }] }, null, 2)}\n`);
    return error.exitCode;
  }
}
