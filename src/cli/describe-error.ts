import type { UserError } from '../errors/user-error.ts';

/** What a person sees of an expected failure: the summary, each detail on a line of its own, then the next step. */
export function describeError({ message, details, hint }: UserError): string {
  const lines = [`error: ${message}`, ...details, ...(hint === undefined ? [] : [`hint: ${hint}`])];
  return `${lines.join('\n')}\n`;
}
