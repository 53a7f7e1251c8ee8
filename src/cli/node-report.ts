import type { PlanStep } from '../node/change/describe-plan.ts';
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

/** Every reason why nothing is done, each with what to do, on stderr. */
export function printRefusals(refusals: readonly Refusal[], io: CommandIO): void {
  for (const { reason, sentence, hint } of refusals) {
    io.stderr.write(`refused: ${reason}: ${printable(sentence, SENTENCE_LENGTH)}\nhint: ${hint}\n`);
  }
}
