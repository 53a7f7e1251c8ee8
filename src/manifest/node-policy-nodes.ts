import { handlerLabel, HANDLER_READY, INSTALL_LABEL, NODE_CONDITION, STARTUP_TAINT } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { all, any, choose, listOf, literal, not, say, sentence } from './backstop-cel.ts';
import { type BackstopPolicy, coreRule, type Variable } from './backstop-policy.ts';
import { differingKeys } from './node-cel.ts';
import { isNodeAgent, mapAt, NODE_VARIABLE, ofAnotherNode, ofFields } from './node-policy.ts';

/** What every write changes. */
const BOOKKEEPING = listOf(['labels', 'managedFields', 'resourceVersion', 'generation']);

/** What the node agent may change of Nodes: the marks of its own one. @param namespace the webhook's */
export function agentNodesPolicy(policy: Policy, namespace: string): BackstopPolicy {
  return {
    key: 'agentNodes',
    action: 'Deny',
    comment:
      'What the node agent may change of Nodes, and nothing else: on the Node that its token names, the labels of handlers\n' +
      `(never ${INSTALL_LABEL}, which is the admin's), the condition ${NODE_CONDITION}, and the startup taint, which it may lift.`,
    constraints: { resourceRules: [coreRule(['UPDATE'], 'nodes', 'nodes/status')] },
    conditions: [isNodeAgent(namespace)],
    variables: [NODE_VARIABLE, SUBRESOURCE_VARIABLE, ...partVariables(), ...changeVariables(policy)],
    refusals: [
      ofAnotherNode('this Node', 'object.metadata.name'),
      ofFields(
        'foreign',
        sentence`the node agent may set ${handlerLabel('<handler>')}=${HANDLER_READY} for a handler of the policy and remove such labels, write the condition ${NODE_CONDITION}, and lift the taint ${STARTUP_TAINT}; this request changes ${say("variables.foreign.join(', ')")}`,
      ),
    ],
  };
}

const SUBRESOURCE_VARIABLE: Variable = {
  name: 'subresource',
  expression: choose('has(request.subResource)', 'request.subResource', "''"),
};

/** The parts of the Node, as they are to be and as they were; absent is empty. */
function partVariables(): readonly Variable[] {
  const parts = ['metadata', 'spec', 'status'].flatMap(part => [
    { name: part, expression: mapAt(`object.${part}`) },
    { name: former(part), expression: mapAt(`oldObject.${part}`) },
  ]);
  const lists = [
    ['labels', 'metadata', '{}'],
    ['taints', 'spec', '[]'],
    ['conditions', 'status', '[]'],
  ].flatMap(([name = '', part = '', none = '']) => [
    { name, expression: member(part, name, none) },
    { name: former(name), expression: member(former(part), name, none) },
  ]);
  return [...parts, ...lists];
}

function former(name: string): string {
  return `former${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function member(part: string, name: string, none: string): string {
  return choose(`'${name}' in variables.${part}`, `variables.${part}.${name}`, `dyn(${none})`);
}

/** What the request changes, as paths of fields, without what the agent may change. */
function changeVariables({ profiles }: Policy): readonly Variable[] {
  const labels = listOf([...new Set(profiles.map(({ handler }) => handlerLabel(handler)))].filter(isNoInstall));
  const isSet = all(
    `key in ${labels}`,
    'key in variables.labels',
    `variables.labels[key] == ${literal(HANDLER_READY)}`,
  );
  const isRemoved = all(
    not('key in variables.labels'),
    `key.startsWith(${literal(handlerLabel(''))})`,
    `key != ${literal(INSTALL_LABEL)}`,
  );
  return [
    {
      name: 'foreignLabels',
      expression: `(${differing('labels')}).filter(key, ${any("variables.subresource != ''", not(any(isSet, isRemoved)))})`,
      comment: 'Labels that the agent may not change; by the subresource status it may change none.',
    },
    {
      name: 'foreignTaints',
      expression: not(all(sameBut('taints', `taint.key != ${literal(STARTUP_TAINT)}`, 'taint'), NO_NEW_TAINT)),
    },
    {
      name: 'foreignConditions',
      expression: not(sameBut('conditions', `condition.type != ${literal(NODE_CONDITION)}`, 'condition')),
    },
    {
      name: 'foreign',
      expression: [
        pathsOf('metadata', 'labels', 'variables.foreignLabels'),
        pathsOf('metadata', '', except('metadata', BOOKKEEPING)),
        pathsOf('spec', '', except('spec', "['taints']")),
        choose('variables.foreignTaints', "['spec.taints']", '[]'),
        pathsOf('status', '', except('status', "['conditions']")),
        choose('variables.foreignConditions', "['status.conditions']", '[]'),
      ].join(' +\n'),
      comment: 'Fields that the request changes and the agent may not.',
    },
  ];
}

/** A handler may have any name. */
function isNoInstall(label: string): boolean {
  return label !== INSTALL_LABEL;
}

const NO_NEW_TAINT = 'variables.taints.all(taint, taint in variables.formerTaints)';

function differing(name: string): string {
  return differingKeys(`variables.${name}`, `variables.${former(name)}`);
}

function except(part: string, keys: string): string {
  return `(${differing(part)}).filter(key, !(key in ${keys}))`;
}

/** True when two lists are the same, the items left out of which the condition does not hold. */
function sameBut(list: string, condition: string, item: string): string {
  return `variables.${list}.filter(${item}, ${condition}) == variables.${former(list)}.filter(${item}, ${condition})`;
}

/** Keys as paths of fields, such as `spec.unschedulable`, or `metadata.labels.a` with a map between. */
function pathsOf(part: string, map: string, keys: string): string {
  return `${keys}.map(key, ${literal(map === '' ? `${part}.` : `${part}.${map}.`)} + key)`;
}
