import {
  type CelInput,
  type CelResult,
  type CelValue,
  celEnv,
  isCelError,
  isCelList,
  isCelMap,
  parse,
  plan,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import type {
  ClusterObject,
  LabelSelector,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../src/kube/objects.ts';
import { backstopManifests } from '../../src/manifest/backstop.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { isJsonObject, type JsonObject } from '../../src/policy/json.ts';
import type { Policy } from '../../src/policy/policy.ts';

/** A request as ValidatingAdmissionPolicies see it. */
export interface Request {
  /** Resource with its subresource, such as `pods/status`. */
  readonly resource: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  /** Absent when it is deleted. */
  readonly object?: JsonObject;
  readonly oldObject?: JsonObject;
  /** Absent for what has no namespace. */
  readonly namespace?: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly user?: {
    readonly username: string;
    readonly groups: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  /** What the authorizer says of `release`; false when absent. */
  readonly mayRelease?: boolean;
}

/** One validation that failed. */
export interface Failure {
  readonly policy: string;
  readonly action: string;
  readonly message: string;
}

/** What the policies make of a request. */
export interface Judgement {
  readonly failures: readonly Failure[];
  /** Audit annotations, each key with its policy's name and a slash before it. */
  readonly audit: Readonly<Record<string, string>>;
}

const AUTHORIZER_CALL = /authorizer\.group\(.*?\)\.allowed\(\)/g;

/**
 * The backstop of a policy, evaluated as the API server does it (apiserver: pkg/admission/plugin/policy/validating), but
 * every variable at once and every error thrown: no expression of ours may err for any request.
 */
export function createBackstop(policy: Policy): (request: Request) => Judgement {
  return createJudge(backstopManifests(policy, DEFAULT_NAMESPACE).map(({ object }) => object));
}

/**
 * The same with any policies and bindings.
 *
 * @param params what the binding of a policy with a paramKind names
 */
export function createJudge(
  objects: readonly ClusterObject[],
  params: JsonObject = {},
): (request: Request) => Judgement {
  const policies = objects.filter(object => object.kind === 'ValidatingAdmissionPolicy');
  const bindings = objects.filter(object => object.kind === 'ValidatingAdmissionPolicyBinding');
  const evaluate = createEvaluator();
  return request => {
    const judgements = policies
      .filter(({ spec }) => matches(spec?.matchConstraints, request))
      .map(object => judge({ policy: object, bindings, params, request, evaluate }));
    return {
      failures: judgements.flatMap(({ failures }) => failures),
      audit: Object.fromEntries(judgements.flatMap(({ audit }) => Object.entries(audit))),
    };
  };
}

type Spec = NonNullable<ValidatingAdmissionPolicy['spec']>;
type Evaluate = (expression: string, bindings: ReadonlyMap<string, CelInput>) => CelValue;

/** Plans every expression once. */
function createEvaluator(): Evaluate {
  const env = celEnv({ funcs: strings });
  const plans = new Map<string, (bindings: Record<string, CelInput>) => CelResult>();
  return (expression, bindings) => {
    const planned = plans.get(expression) ?? plan(env, parse(expression.replaceAll(AUTHORIZER_CALL, 'mayRelease')));
    plans.set(expression, planned);
    const result = planned(Object.fromEntries(bindings));
    if (isCelError(result)) throw new Error(`${result.message} in ${expression}`);
    return result;
  };
}

interface Case {
  readonly policy: ValidatingAdmissionPolicy;
  readonly bindings: readonly ValidatingAdmissionPolicyBinding[];
  readonly params: JsonObject;
  readonly request: Request;
  readonly evaluate: Evaluate;
}

function judge({ policy, bindings, params, request, evaluate }: Case): Judgement {
  const {
    metadata: { name },
    spec = {},
  } = policy;
  const scope = new Map<string, CelInput>([...requestVariables(request), ['params', toCel(params)]]);
  const conditions = (spec.matchConditions ?? []).map(({ expression }) => evaluate(expression, scope));
  if (conditions.includes(false)) return { failures: [], audit: {} };
  const variables = new Map<string, CelInput>();
  scope.set('variables', variables);
  for (const variable of spec.variables ?? []) variables.set(variable.name, evaluate(variable.expression, scope));
  // A policy without a binding is judged all the same: what it would do once it is bound.
  const actions = bindings.find(binding => binding.spec?.policyName === name)?.spec?.validationActions ?? ['Unbound'];
  const validations = (spec.validations ?? []).map(validation => ({
    passed: evaluate(validation.expression, scope),
    message: textOf(evaluate(validation.messageExpression ?? '', scope)),
  }));
  const failures = validations
    .filter(({ passed }) => passed !== true)
    .map(({ message }) => ({ policy: name, action: actions.join(), message }));
  const audit = (spec.auditAnnotations ?? []).map(
    ({ key, valueExpression }) => [`${name}/${key}`, textOf(evaluate(valueExpression, scope))] as const,
  );
  return { failures, audit: Object.fromEntries(audit) };
}

/** The API server takes nothing but a string for a message or an audit annotation. */
function textOf(value: CelValue): string {
  if (typeof value !== 'string') throw new TypeError('the value must be a string');
  return value;
}

function requestVariables({ resource, object, oldObject, operation, namespace, user, mayRelease = false }: Request) {
  const [, subResource] = resource.split('/');
  const request = { operation, userInfo: user ?? {}, subResource, namespace: namespace?.name };
  const labels = { ...namespace?.labels, 'kubernetes.io/metadata.name': namespace?.name ?? '' };
  return [
    ['object', toCel(object ?? null)],
    ['oldObject', toCel(oldObject ?? null)],
    ['request', toCel(request)],
    ['namespaceObject', toCel(namespace === undefined ? null : { metadata: { labels } })],
    ['mayRelease', mayRelease],
  ] as const;
}

/** JSON as the API server shows it to CEL: an absent member and null are the same, once an object was decoded. */
function toCel(value: unknown): CelInput {
  if (Array.isArray(value)) return value.map(toCel);
  if (isJsonObject(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
    return new Map(members.map(([key, member]) => [key, toCel(member)] as const));
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

function matches(constraints: Spec['matchConstraints'], request: Request): boolean {
  const { resourceRules = [], namespaceSelector, objectSelector } = constraints ?? {};
  const { namespace, object, resource, operation } = request;
  const isMeant = resourceRules.some(
    ({ resources = [], operations = [] }) => resources.includes(resource) && operations.includes(operation),
  );
  if (!isMeant) return false;
  const namespaceLabels = { ...namespace?.labels, 'kubernetes.io/metadata.name': namespace?.name ?? '' };
  const metadata = isJsonObject(object?.['metadata']) ? object['metadata'] : {};
  const labels = isJsonObject(metadata['labels']) ? metadata['labels'] : {};
  return selects(namespaceSelector, namespaceLabels) && selects(objectSelector, labels);
}

/** Label selectors as apimachinery's pkg/labels/selector.go reads them. */
function selects(selector: LabelSelector | undefined, labels: JsonObject): boolean {
  return (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'NotIn') return !values.includes(String(value));
    throw new RangeError(`no policy uses the operator ${operator}`);
  });
}

/** The value of a single expression, as JSON. */
export function evaluateAlone(expression: string): unknown {
  return toJson(createEvaluator()(expression, new Map()));
}

function toJson(value: CelValue): unknown {
  if (isCelList(value)) return [...value].map(toJson);
  if (isCelMap(value)) return Object.fromEntries([...value].map(([key, member]) => [key, toJson(member)]));
  return value;
}
