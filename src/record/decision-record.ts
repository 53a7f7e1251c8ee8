/**
 * The record room: the one log line of a decision, and every name that may stand in any log line. The webhook writes it,
 * `audit` reads it. A record says who asked, what was decided and why; of the Pod it says only its name and owner.
 */
import * as v from 'valibot';
import { TRIGGERS, type Target } from '../policy/admission-path.ts';
import { type Decision, OUTCOMES, REASONS } from '../policy/decision.ts';
import { FINDING_CODES } from '../policy/finding.ts';
import { printable } from '../policy/printable.ts';

/** Raised when a field is renamed, removed or changes its meaning; a new optional field does not raise it. */
export const RECORD_VERSION = 1;

/** The constant phrase of a decision's line. */
export const DECISION_MESSAGE = 'admission decision';

/** Whether the decision was carried out or only recorded. */
export const MODES = ['enforce', 'audit'] as const;

/** What is known of the client's certificate. `unverified` covers every certificate that no `--client-ca` vouches for. */
export const CLIENT_CERTIFICATES = ['none', 'unverified', 'verified'] as const;

/** What is known of the client's certificate. */
export type ClientCertificate = (typeof CLIENT_CERTIFICATES)[number];

/** Longest text in a record, UTF-16 units: a Kubernetes name has at most 253, a user name comes from any authenticator. */
const NAME_LENGTH = 253;

/** A Pod of a megabyte can have thousands of findings; the line stays short. */
const MAXIMUM_FINDINGS = 50;

const text = (description: string) => v.pipe(v.string(), v.maxLength(NAME_LENGTH), v.description(description));

const count = (description: string) => v.pipe(v.number(), v.integer(), v.minValue(0), v.description(description));

/** Every field of a decision's log line. The record is closed: whatever is not listed here is never written. */
export const DecisionRecordSchema = v.pipe(
  v.strictObject({
    level: v.pipe(v.literal('info'), v.description('always `info`: a denial is an answer, not a fault')),
    time: v.pipe(v.string(), v.isoTimestamp(), v.description('when the line was written, RFC 3339 in UTC')),
    message: v.pipe(v.literal(DECISION_MESSAGE), v.description('constant')),
    recordVersion: v.pipe(v.literal(RECORD_VERSION), v.description('version of this list of fields')),
    requestUid: text('`request.uid` of the AdmissionReview; new for every call'),
    trigger: v.pipe(v.picklist(TRIGGERS), v.description('why the API server asked: first segment of the path')),
    mode: v.pipe(v.picklist(MODES), v.description('`audit`: decided as if enforced, nothing was changed or refused')),
    namespace: text('namespace of the request'),
    name: v.exactOptional(text('name of the Pod; absent when the API server has yet to make one')),
    generateName: v.exactOptional(text('prefix of the name that the API server will make')),
    ownerKind: v.exactOptional(text('kind of the controlling owner, such as ReplicaSet')),
    ownerName: v.exactOptional(text('name of the controlling owner')),
    requester: text('user name of who creates the Pod'),
    clientCertificate: v.pipe(
      v.picklist(CLIENT_CERTIFICATES),
      v.description('certificate that the caller of the webhook presented'),
    ),
    dryRun: v.pipe(v.boolean(), v.description('true: the API server stores nothing')),
    profile: v.exactOptional(text('profile that was asked for, where one is known')),
    outcome: v.pipe(v.picklist(OUTCOMES), v.description('what became of the Pod, or would have in audit mode')),
    reason: v.pipe(v.picklist(REASONS), v.description('row of the precedence table')),
    findings: v.pipe(
      v.array(
        v.strictObject({
          code: v.pipe(v.picklist(FINDING_CODES), v.description('finding code')),
          path: text('field of the Pod, such as `spec.hostNetwork`'),
        }),
      ),
      v.maxLength(MAXIMUM_FINDINGS),
      v.description(`what gVisor treats otherwise than runc: code and field path; at most ${MAXIMUM_FINDINGS}`),
    ),
    findingsOmitted: v.exactOptional(count('how many more findings there were')),
    patchOperations: count('number of JSON Patch operations of the decision; 0 when it changes nothing'),
    durationMilliseconds: v.pipe(
      v.number(),
      v.minValue(0),
      v.description('from the request line to the decision, body included'),
    ),
    policyDigest: text('first 16 hex digits of the SHA-256 of the policy file; suffix of its ConfigMap'),
  }),
  v.title('gvisor-injector decision record'),
);

/** A decision's log line, parsed. */
export type DecisionRecord = v.InferOutput<typeof DecisionRecordSchema>;

/** What the webhook hands to the log; level, time and message are the log's. */
export type DecisionFields = Omit<DecisionRecord, 'level' | 'time' | 'message'>;

/** Names of the Pod and of who is behind it, as the request gives them: not yet printable. */
export interface RecordSubject {
  readonly requestUid: string;
  readonly namespace: string;
  readonly name: string | undefined;
  readonly generateName: string | undefined;
  readonly ownerKind: string | undefined;
  readonly ownerName: string | undefined;
  readonly requester: string;
  readonly clientCertificate: ClientCertificate;
  readonly dryRun: boolean;
}

/** What a record is made of. */
export interface RecordInput {
  readonly subject: RecordSubject;
  readonly target: Target;
  readonly decision: Decision;
  readonly durationMilliseconds: number;
  readonly policyDigest: string;
}

/** The record of a decision. Built field by field, so that nothing else of a request can get into the log. */
export function toDecisionRecord({
  subject,
  target,
  decision,
  durationMilliseconds,
  policyDigest,
}: RecordInput): DecisionFields {
  const { findings } = decision;
  const isAudit = target.trigger === 'audit';
  return {
    recordVersion: RECORD_VERSION,
    requestUid: printable(subject.requestUid, NAME_LENGTH),
    trigger: target.trigger,
    mode: isAudit ? 'audit' : 'enforce',
    namespace: printable(subject.namespace, NAME_LENGTH),
    ...optional('name', subject.name),
    ...optional('generateName', subject.generateName),
    ...optional('ownerKind', subject.ownerKind),
    ...optional('ownerName', subject.ownerName),
    requester: printable(subject.requester, NAME_LENGTH),
    clientCertificate: subject.clientCertificate,
    dryRun: subject.dryRun,
    ...optional('profile', decision.profile),
    outcome: decision.outcome,
    reason: decision.reason,
    findings: findings
      .slice(0, MAXIMUM_FINDINGS)
      .map(({ code, path }) => ({ code, path: printable(path, NAME_LENGTH) })),
    ...(findings.length > MAXIMUM_FINDINGS ? { findingsOmitted: findings.length - MAXIMUM_FINDINGS } : {}),
    patchOperations: decision.patch.length,
    durationMilliseconds: Math.round(durationMilliseconds * 1000) / 1000,
    policyDigest,
  };
}

type OptionalName = 'name' | 'generateName' | 'ownerKind' | 'ownerName' | 'profile';

function optional(key: OptionalName, value: string | undefined): Partial<Record<OptionalName, string>> {
  return value === undefined || value === '' ? {} : { [key]: printable(value, NAME_LENGTH) };
}
