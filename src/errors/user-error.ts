/**
 * Expected failures: a file that is missing, a flag that makes no sense, a policy with faults. A caller gets one
 * `UserError` whose code is in the table below, and shows `message`, then `details`, then `hint`; never a stack trace.
 * Decisions (a Pod denied) are values, not errors. A programmer's mistake is a built-in TypeError or RangeError.
 */

/** Exit codes of every command; scripts may rely on them. */
export const EXIT_CODES = {
  done: 0,
  failed: 1,
  usage: 2,
  answerIsNo: 3,
} as const;

/** One of the exit codes of {@link EXIT_CODES}. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** Every code that a `UserError` may carry, with the exit code of a command that ends by it. Retired codes are never reused. */
export const ERROR_CODES = {
  BadUsage: EXIT_CODES.usage,
  PolicyInvalid: EXIT_CODES.usage,
  DocumentInvalid: EXIT_CODES.usage,
  FileUnreadable: EXIT_CODES.usage,
  CertificateUnusable: EXIT_CODES.usage,
  RenderRefused: EXIT_CODES.usage,
  ListenFailed: EXIT_CODES.failed,
  WriteFailed: EXIT_CODES.failed,
  NodeRefused: EXIT_CODES.answerIsNo,
  NodeFailed: EXIT_CODES.failed,
} as const satisfies Record<string, ExitCode>;

/** The code of an expected failure. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What a `UserError` says beyond its summary. */
export interface UserErrorOptions {
  /** One line a fault, when there are several; each stands alone (`file:line:column: what`). */
  readonly details?: readonly string[];
  /** The next step, as a sentence without a full stop. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A failure that the user can do something about. `message` says what could not be done, with which thing, and why. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: ErrorCode;
  readonly details: readonly string[];
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: UserErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
    this.hint = options.hint;
  }

  /** The exit code of a command that ends by this error. */
  get exitCode(): ExitCode {
    return ERROR_CODES[this.code];
  }
}

/** True for a `UserError`, also one of the other bundle of the product: each has the class for itself. */
export function isUserError(error: unknown): error is UserError {
  return error instanceof Error && error.name === 'UserError';
}

/** The `code` of a Node system error (`ENOENT` and so on), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
