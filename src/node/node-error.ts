import { UserError } from '../errors/user-error.ts';
import type { NodeReason, Refusal } from './reason.ts';

/** What ends a step on a host: `NodeRefused` when nothing was changed, `NodeFailed` when something went wrong on the way. */
export type NodeErrorCode = 'NodeRefused' | 'NodeFailed';

/** A failure on a host, with its reason. */
export class NodeError extends UserError {
  readonly reason: NodeReason;
  /** What happened, without the reason before it. */
  readonly sentence: string;

  constructor(code: NodeErrorCode, { reason, sentence, hint }: Refusal, options: { readonly cause?: unknown } = {}) {
    super(code, `${reason}: ${sentence}`, { hint, ...options });
    this.reason = reason;
    this.sentence = sentence;
  }
}
