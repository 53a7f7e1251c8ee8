/**
 * The webhook room: AdmissionReview in, AdmissionReview out, over TLS. Whatever is not a proper question is a refusal: an
 * HTTP status with a sentence that says what was wrong. The API server then applies the entry's failurePolicy.
 */

/** Every reason for which a request gets no decision, with its HTTP status. Retired codes are never reused. */
export const REFUSALS = {
  HttpInvalid: 400,
  BodyEmpty: 400,
  BodyTruncated: 400,
  TextInvalid: 400,
  JsonInvalid: 400,
  DuplicateKey: 400,
  NestedTooDeeply: 400,
  ReviewInvalid: 400,
  KindUnsupported: 400,
  OperationUnsupported: 400,
  ObjectInvalid: 400,
  ClientCertificateRequired: 401,
  NotFound: 404,
  MethodNotAllowed: 405,
  RequestTimeout: 408,
  BodyTooLarge: 413,
  ContentTypeUnsupported: 415,
  TooManyRequests: 429,
  HeadersTooLarge: 431,
  InternalError: 500,
} as const satisfies Record<string, number>;

/** Why a request got no decision. */
export type RefusalCode = keyof typeof REFUSALS;

/** A request that gets no decision. The message is shown to the client, whose values it may
 * quote, so it says nothing of our insides and never goes to the log. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  /** The field that was wrong, as our own constant; unlike the message it may be logged. */
  readonly field: string | undefined;

  constructor(code: RefusalCode, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }

  /** HTTP status of the answer. */
  get status(): number {
    return REFUSALS[this.code];
  }
}

/** The `reason` words that Kubernetes gives to HTTP statuses (apimachinery: pkg/apis/meta/v1 StatusReason). */
const STATUS_REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  500: 'InternalError',
};

/**
 * The body of a refusal: a Kubernetes Status object, which the API server's client decodes and shows to the user
 * (client-go: rest/request.go, Result.Error).
 */
export function statusBody({ code, message, status }: Refusal): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Status',
    status: 'Failure',
    message: `${code}: ${message}`,
    reason: STATUS_REASONS[status] ?? 'BadRequest',
    code: status,
  });
}
