import { isJsonObject, member } from '../policy/json.ts';
import { printable } from '../policy/printable.ts';

/**
 * What a call to the API server may come to. `Unreachable`: nobody answered, or not in time. `Unreadable`: what answered
 * is no API server. `Rejected`: any other refusal.
 */
export const KUBE_FAILURES = [
  'NotFound',
  'AlreadyExists',
  'Conflict',
  'Forbidden',
  'Unauthorized',
  'Invalid',
  'Gone',
  'TooManyRequests',
  'ServerFailed',
  'Rejected',
  'Unreachable',
  'Unreadable',
] as const;

/** One of {@link KUBE_FAILURES}. */
export type KubeFailure = (typeof KUBE_FAILURES)[number];

/** What the API server was asked: for messages. */
export interface KubeCall {
  /** Such as `get`, `list`, `watch`, `create`, `patch`, `delete`: as RBAC names it. */
  readonly verb: string;
  /** Such as `nodes/status "node-1"`. */
  readonly target: string;
}

/** What is known of a failure. */
export interface KubeErrorFacts {
  readonly failure: KubeFailure;
  /** What happened, in a sentence without a full stop. */
  readonly sentence: string;
  /** HTTP status; undefined when none came. */
  readonly status?: number;
  /** The `reason` of the Status that the API server sent, such as `AlreadyExists`. */
  readonly reason?: string | undefined;
  /** What the API server asked us to wait. */
  readonly retryAfterSeconds?: number | undefined;
  /** True when the request cannot have been acted on. */
  readonly untouched?: boolean;
  readonly cause?: unknown;
}

/** Longest text of the API server in a message: it quotes names, and whole objects when it finds faults in them. */
const MESSAGE_LENGTH = 600;

/** A call to the API server that did not succeed. Its message names the verb and the object. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly call: KubeCall;
  readonly failure: KubeFailure;
  /** What the API server said, without what was asked. */
  readonly sentence: string;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly untouched: boolean;

  constructor(call: KubeCall, facts: KubeErrorFacts) {
    const sentence = printable(facts.sentence, MESSAGE_LENGTH);
    const options = facts.cause === undefined ? undefined : { cause: facts.cause };
    super(`Cannot ${call.verb} ${call.target}: ${sentence}`, options);
    this.call = call;
    this.failure = facts.failure;
    this.sentence = sentence;
    this.status = facts.status;
    this.reason = facts.reason;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.untouched = facts.untouched ?? false;
  }
}

/** An answer that says no. */
export interface RefusedAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Parsed JSON, when it was JSON. */
  readonly body: unknown;
}

const FAILURES: Readonly<Record<number, KubeFailure>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
};

/** The error of an answer that says no, which is a Status unless something between us and the API server answered. */
export function refusalOf(call: KubeCall, { status, retryAfter, body }: RefusedAnswer): KubeError {
  const { reason, message } = readStatus(body);
  const failure = FAILURES[status] ?? (status >= 500 ? 'ServerFailed' : 'Rejected');
  return new KubeError(call, {
    failure: failure === 'Conflict' && reason === 'AlreadyExists' ? 'AlreadyExists' : failure,
    sentence: message ?? `the answer is HTTP ${status}, without a reason`,
    status,
    reason,
    retryAfterSeconds: secondsOf(retryAfter),
    // The API server turns these away before it looks at them (apiserver: pkg/server/filters).
    untouched: status === 429 || status === 401,
  });
}

/** Reason and message of a Status (apimachinery: pkg/apis/meta/v1). */
export function readStatus(body: unknown): {
  readonly reason: string | undefined;
  readonly message: string | undefined;
} {
  if (!isJsonObject(body) || member(body, 'kind') !== 'Status') return { reason: undefined, message: undefined };
  const [reason, message] = [member(body, 'reason'), member(body, 'message')];
  return {
    reason: typeof reason === 'string' ? reason : undefined,
    message: typeof message === 'string' && message !== '' ? message : undefined,
  };
}

function secondsOf(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
}
