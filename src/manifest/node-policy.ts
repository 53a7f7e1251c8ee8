import { nodeNamespace } from '../policy/keys.ts';
import { all, choose, holds, literal, say, sentence, show } from './backstop-cel.ts';
import type { BackstopPolicy, Refusal, Variable } from './backstop-policy.ts';
import { nodeUser } from './names.ts';

/**
 * What the policies on the node agent have in common. They judge the requests of one user, the agent's service account,
 * and bound what RBAC gives it: to the node that its token names. A kubelet asks for a token for a Pod that runs, and the
 * API server writes that Pod's node into it (kubernetes: pkg/serviceaccount/claims.go; on by default since 1.30).
 */

/** The extra of a user in which the API server says for which node the token was made. */
const NODE_EXTRA = 'authentication.kubernetes.io/node-name';

type Condition = NonNullable<BackstopPolicy['conditions']>[number];

/** Everybody else ends here. @param namespace the webhook's */
export function isNodeAgent(namespace: string): Condition {
  return {
    name: 'is-the-node-agent',
    expression: all(
      'has(request.userInfo.username)',
      `request.userInfo.username == ${literal(nodeUser(nodeNamespace(namespace)))}`,
    ),
  };
}

/** `node`: the node that the token names; empty when it names none. */
export const NODE_VARIABLE: Variable = {
  name: 'node',
  expression: choose(
    all(holds('request.userInfo.extra', NODE_EXTRA), `size(request.userInfo.extra[${literal(NODE_EXTRA)}]) == 1`),
    `request.userInfo.extra[${literal(NODE_EXTRA)}][0]`,
    "''",
  ),
  comment: "The node that the agent's token names; empty when it names none.",
};

/**
 * A refusal of what belongs to another node, and of everything when the token names none.
 *
 * @param what what the request is about, as in `the Node`
 * @param owner expression: the name of the node that it belongs to
 */
export function ofAnotherNode(what: string, owner: string): Refusal {
  return {
    name: 'ofAnotherNode',
    reason: 'BeyondAgentRights',
    when: `variables.node == '' || ${owner} != variables.node`,
    message: sentence`the token of this node agent ${say(choose("variables.node == ''", "'names no node'", "'is for the node ' + variables.node"))}, and ${what} is ${show(owner)}; only a token that a kubelet asked for, for a Pod of the agent on that node, may do this`,
  };
}

/** A refusal when a list of field paths is not empty. @param list name of the variable */
export function ofFields(list: string, message: Refusal['message']): Refusal {
  return { name: 'beyond', reason: 'BeyondAgentRights', when: `size(variables.${list}) > 0`, message };
}

/** A part of an object, or an empty map, as a map of any type. */
export function mapAt(path: string): string {
  return choose(`has(${path})`, `dyn(${path})`, 'dyn({})');
}
