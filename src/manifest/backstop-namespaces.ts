import { auditKey, OPT_OUT_ALLOWED, optOutKey } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { list } from '../policy/rule.ts';
import { all, choose, listOf, literal, not, say, sentence, show } from './backstop-cel.ts';
import { type BackstopPolicy, coreRule, type Refusal, type Variable } from './backstop-policy.ts';
import { RELEASE_PERMISSION } from './names.ts';

/** The labels of a Namespace can be written through each of these. */
const NAMESPACE_RESOURCES = ['namespaces', 'namespaces/status', 'namespaces/finalize'] as const;

/** Refuses a label that would make every Pod of the namespace be refused. What is there already may stay. */
export function namespaceLabelsPolicy({ sandboxKey, profiles }: Policy): BackstopPolicy {
  const names = profiles.map(({ name }) => name);
  const refusalOf = (name: string, variable: string, key: string): Refusal => ({
    name,
    reason: 'UnknownProfile',
    when: all(`${literal(key)} in variables.setLabels`, not(`variables.${variable} in ${listOf(names)}`)),
    message: sentence`label ${key}=${show(`variables.${variable}`)} names no profile; the profiles are ${list(names)}`,
  });
  return {
    key: 'namespaceLabels',
    action: 'Deny',
    comment:
      'A label that names no profile, when it is set or changed: afterwards no Pod would be created in the namespace. One\n' +
      'that is there already never holds up another change of the namespace, nor its deletion.',
    constraints: { resourceRules: [coreRule(['CREATE', 'UPDATE'], ...NAMESPACE_RESOURCES)] },
    variables: [
      ...maps('labels', [sandboxKey, auditKey(sandboxKey)]),
      { name: 'label', expression: textOf('labels', sandboxKey) },
      { name: 'auditLabel', expression: textOf('labels', auditKey(sandboxKey)) },
    ],
    refusals: [
      refusalOf('unknownProfile', 'label', sandboxKey),
      refusalOf('unknownAuditProfile', 'auditLabel', auditKey(sandboxKey)),
    ],
    allowedReason: "''",
  };
}

/** Warns of what does nothing on a Namespace. */
export function namespaceAdvicePolicy({ sandboxKey, exemptNamespaces }: Policy): BackstopPolicy {
  const optOut = optOutKey(sandboxKey);
  const keys = [sandboxKey, auditKey(sandboxKey), optOut];
  return {
    key: 'namespaceAdvice',
    action: 'Warn',
    comment: 'Tells who sets a label or an annotation on a namespace that it does nothing there.',
    constraints: { resourceRules: [coreRule(['CREATE', 'UPDATE'], 'namespaces')] },
    variables: [
      ...maps('labels', keys),
      ...maps('annotations', keys),
      { name: 'optOutLabel', expression: textOf('labels', optOut) },
      { name: 'name', expression: choose('has(object.metadata.name)', 'object.metadata.name', "''") },
    ],
    refusals: [
      {
        name: 'exempt',
        when: all(`variables.name in ${listOf(exemptNamespaces)}`, 'size(variables.setLabels) > 0'),
        message: sentence`namespace ${show('variables.name')} is exempt: ${say("variables.setLabels.join(', ')")} does nothing here`,
      },
      {
        name: 'annotated',
        when: 'size(variables.setAnnotations) > 0',
        message: sentence`annotation ${say("variables.setAnnotations.join(', ')")} on a namespace does nothing: it must be a label`,
      },
      {
        name: 'otherOptOut',
        when: all(`${literal(optOut)} in variables.setLabels`, `variables.optOutLabel != ${literal(OPT_OUT_ALLOWED)}`),
        message: sentence`label ${optOut}=${show('variables.optOutLabel')} does nothing: only ${OPT_OUT_ALLOWED} lets Pods opt out`,
      },
    ],
  };
}

/** Warns of the key among a Pod's labels. */
export function podAdvicePolicy({ sandboxKey }: Policy): BackstopPolicy {
  return {
    key: 'podAdvice',
    action: 'Warn',
    comment: 'Tells who creates a Pod that it has the key as a label, where it does nothing.',
    constraints: {
      objectSelector: { matchExpressions: [{ key: sandboxKey, operator: 'Exists' }] },
      resourceRules: [coreRule(['CREATE'], 'pods')],
    },
    variables: [...maps('labels', [sandboxKey]), { name: 'label', expression: textOf('labels', sandboxKey) }],
    refusals: [
      {
        name: 'labelled',
        when: `${literal(sandboxKey)} in variables.setLabels`,
        message: sentence`the label ${sandboxKey}=${show('variables.label')} on a Pod does nothing: it must be an annotation`,
      },
    ],
  };
}

/**
 * Lets only who may `release` take a namespace out of its sandbox, or let its Pods out. Rendered without a binding, so
 * it does nothing by itself; the component protect-labels binds it.
 */
export function protectedLabelsPolicy({ sandboxKey }: Policy): BackstopPolicy {
  const { group, resource, verb } = RELEASE_PERMISSION;
  const optOut = optOutKey(sandboxKey);
  const isKept = `${literal(sandboxKey)} in variables.labels && variables.label == variables.formerLabel`;
  const rest = sentence`only who may ${verb} ${resource}.${group} in this namespace can change that; ask a cluster administrator`;
  return {
    key: 'protectedLabels',
    action: 'Deny',
    comment:
      `Who may ${verb} ${resource} of the API group ${group} in a namespace, and nobody else, may change or remove its label\n` +
      `${sandboxKey}, or set ${optOut}=${OPT_OUT_ALLOWED}. Of no effect until the component protect-labels binds it.`,
    constraints: { resourceRules: [coreRule(['CREATE', 'UPDATE'], ...NAMESPACE_RESOURCES)] },
    variables: [
      ...maps('labels', [optOut]),
      { name: 'label', expression: textOf('labels', sandboxKey) },
      { name: 'formerLabel', expression: textOf('formerLabels', sandboxKey) },
      { name: 'mayRelease', expression: authorizerCheck('object.metadata.name') },
    ],
    refusals: [
      {
        name: 'released',
        reason: 'LabelProtected',
        when: all(`${literal(sandboxKey)} in variables.formerLabels`, not(isKept), '!variables.mayRelease'),
        message: [
          ...sentence`the label ${sandboxKey}=${show('variables.formerLabel')} of this namespace is protected: `,
          ...rest,
        ],
      },
      {
        name: 'optOutAllowed',
        reason: 'LabelProtected',
        when: all(
          `${literal(optOut)} in variables.setLabels`,
          `variables.labels[${literal(optOut)}] == ${literal(OPT_OUT_ALLOWED)}`,
          '!variables.mayRelease',
        ),
        message: [
          ...sentence`the label ${optOut}=${OPT_OUT_ALLOWED} lets Pods leave the sandbox and is protected: `,
          ...rest,
        ],
      },
    ],
  };
}

function authorizerCheck(name: string): string {
  const { group, resource, verb } = RELEASE_PERMISSION;
  return `authorizer.group(${literal(group)}).resource(${literal(resource)}).namespace(${name}).name(${name}).check(${literal(verb)}).allowed()`;
}

/**
 * Three variables: a map of the object's metadata, what it was before this request, and which of the keys this request
 * set or changed. Absent is empty.
 */
function maps(field: 'labels' | 'annotations', keys: readonly string[]): readonly Variable[] {
  const former = field === 'labels' ? 'formerLabels' : 'formerAnnotations';
  const oldMap = `oldObject.metadata.${field}`;
  const isUnchanged = `key in variables.${former} && variables.${former}[key] == variables.${field}[key]`;
  return [
    { name: field, expression: choose(`has(object.metadata.${field})`, `object.metadata.${field}`, '{}') },
    { name: former, expression: choose(`request.operation == 'UPDATE' && has(${oldMap})`, oldMap, '{}') },
    {
      name: field === 'labels' ? 'setLabels' : 'setAnnotations',
      expression: `${listOf(keys)}.filter(key, key in variables.${field} && ${not(isUnchanged)})`,
      comment: 'Which of these keys the request sets or changes.',
    },
  ];
}

/** The value at a key of a variable that is a map of strings; empty when there is none. */
function textOf(variable: string, key: string): string {
  return choose(`${literal(key)} in variables.${variable}`, `variables.${variable}[${literal(key)}]`, "''");
}
