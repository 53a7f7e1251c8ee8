import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../kube/objects.ts';
import type { Reason } from '../policy/decision.ts';
import { choose, literal, type Sentence, speak } from './backstop-cel.ts';
import type { Manifest, Note } from './manifest.ts';
import { BACKSTOP_NAMES, COMMON_LABELS } from './names.ts';

/** Between the terms of a message. */
const LINES = ' +\n';

/** Reason codes of the backstop: rows of the precedence table, and what only the final Pod can show. */
export type BackstopReason = Reason | 'NotInjected' | 'LabelProtected' | 'BeyondAgentRights';

/** One thing that a policy refuses, or warns of. The first that matches is what the client is told. */
export interface Refusal {
  /** Name of the variable that holds the condition. */
  readonly name: string;
  /** Stands before the message of a denial. */
  readonly reason?: BackstopReason;
  /** A condition in CEL. */
  readonly when: string;
  /** Field, found, expected, what to do. */
  readonly message: Sentence;
  /** A comment for who reads the object. */
  readonly comment?: string;
}

type Spec = NonNullable<ValidatingAdmissionPolicy['spec']>;
type ResourceRule = NonNullable<NonNullable<Spec['matchConstraints']>['resourceRules']>[number];

/** A named expression, with a comment for who reads the object. */
export interface Variable {
  readonly name: string;
  readonly expression: string;
  readonly comment?: string;
}

/** A policy of the backstop as its file describes it. */
export interface BackstopPolicy {
  readonly key: keyof typeof BACKSTOP_NAMES;
  readonly comment: string;
  /** `Deny` refuses the request; `Warn` only tells the client, and must not hold up a request by an error either. */
  readonly action: 'Deny' | 'Warn';
  readonly constraints: Omit<NonNullable<Spec['matchConstraints']>, 'matchPolicy'>;
  readonly conditions?: NonNullable<Spec['matchConditions']>;
  readonly variables?: readonly Variable[];
  readonly refusals: readonly [Refusal, ...Refusal[]];
  /** Audit annotations by key, in CEL; beside them there is `reason` wherever a refusal has one. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /**
   * The reason in the audit annotation of a request of which nothing was refused, in CEL. Absent: no such annotation, as
   * it must be where a refusal asks the authorizer, which is there for validations only.
   */
  readonly allowedReason?: string;
  readonly notes?: readonly Note[];
}

/** Requests for resources of the core group. The scope is the default, said so that applying again changes nothing. */
export function coreRule(operations: readonly ('CREATE' | 'UPDATE')[], ...resources: readonly string[]): ResourceRule {
  return { apiGroups: [''], apiVersions: ['v1'], operations, resources, scope: '*' };
}

/** The ValidatingAdmissionPolicy. It does nothing before it is bound. */
export function policyManifest(policy: BackstopPolicy): Manifest<ValidatingAdmissionPolicy> {
  const { key, comment, action, constraints, conditions = [], variables = [], refusals, notes = [] } = policy;
  const all = [
    ...variables,
    ...refusals.map(({ name, when, comment: text }) => ({ name, expression: when, comment: text })),
  ];
  const auditAnnotations = auditAnnotationsOf(policy);
  return {
    file: `${fileName(key)}.yaml`,
    comment,
    object: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: BACKSTOP_NAMES[key], labels: COMMON_LABELS },
      spec: {
        failurePolicy: action === 'Deny' ? 'Fail' : 'Ignore',
        matchConstraints: { matchPolicy: 'Equivalent', ...constraints },
        ...(conditions.length > 0 ? { matchConditions: conditions } : {}),
        variables: all.map(({ name, expression }) => ({ name, expression })),
        validations: refusals.map(validation),
        ...(auditAnnotations.length > 0 ? { auditAnnotations } : {}),
      },
    },
    notes: [
      ...all.flatMap(({ comment: text }, index) =>
        text === undefined ? [] : [{ path: ['spec', 'variables', index], text }],
      ),
      ...notes,
    ],
  };
}

/** The binding of a policy, without which it does nothing. */
export function bindingManifest({ key, action }: BackstopPolicy): Manifest<ValidatingAdmissionPolicyBinding> {
  return {
    file: `${fileName(key)}-binding.yaml`,
    comment: action === 'Deny' ? 'Makes the policy of this name deny.' : 'Makes the policy of this name warn.',
    object: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: BACKSTOP_NAMES[key], labels: COMMON_LABELS },
      spec: { policyName: BACKSTOP_NAMES[key], validationActions: [action] },
    },
  };
}

function fileName(key: keyof typeof BACKSTOP_NAMES): string {
  return `backstop-${key.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

/** `message` is what the API server falls back to, should it not be able to make the sentence. */
function validation({ name, reason, message }: Refusal): NonNullable<Spec['validations']>[number] {
  const expression = `!variables.${name}`;
  if (reason === undefined) return { expression, messageExpression: speak(message, LINES) };
  return {
    expression,
    message: reason,
    messageExpression: speak([`${reason}: `, ...message], LINES),
    reason: 'Forbidden',
  };
}

/** As the webhook's: no value changes from one call for a Pod to the next, or the API server keeps the first. */
function auditAnnotationsOf(policy: BackstopPolicy): NonNullable<Spec['auditAnnotations']> {
  const { refusals, auditAnnotations = {}, allowedReason } = policy;
  const named = Object.entries(auditAnnotations).map(([key, valueExpression]) => ({ key, valueExpression }));
  if (allowedReason === undefined) return named;
  const reason = refusals.reduceRight(
    (rest, { name, reason: code = '' }) => choose(`variables.${name}`, literal(code), rest),
    allowedReason,
  );
  return [...named, { key: 'reason', valueExpression: reason }];
}
