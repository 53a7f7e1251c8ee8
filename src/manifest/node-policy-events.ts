import { EVENT_NAMESPACE } from '../node/marks/plan-marks.ts';
import { all, choose, literal, sentence } from './backstop-cel.ts';
import type { BackstopPolicy } from './backstop-policy.ts';
import { isNodeAgent, NODE_VARIABLE, ofAnotherNode } from './node-policy.ts';

/** What the node agent may tell of: its own Node. @param namespace the webhook's */
export function agentEventsPolicy(namespace: string): BackstopPolicy {
  const isOfNode = all('has(object.regarding)', 'has(object.regarding.kind)', "object.regarding.kind == 'Node'");
  return {
    key: 'agentEvents',
    action: 'Deny',
    comment: 'Which Events the node agent may write: those about the Node that its token names.',
    constraints: {
      resourceRules: [
        {
          apiGroups: ['events.k8s.io'],
          apiVersions: ['v1'],
          operations: ['CREATE'],
          resources: ['events'],
          scope: '*',
        },
      ],
    },
    conditions: [isNodeAgent(namespace)],
    variables: [
      NODE_VARIABLE,
      {
        name: 'owner',
        expression: choose(all(isOfNode, 'has(object.regarding.name)'), 'object.regarding.name', "''"),
        comment: 'The Node that the Event is about.',
      },
    ],
    refusals: [
      ofAnotherNode('the Node of this Event', 'variables.owner'),
      {
        name: 'elsewhere',
        reason: 'BeyondAgentRights',
        when: `request.namespace != ${literal(EVENT_NAMESPACE)}`,
        message: sentence`the node agent may write Events in namespace ${EVENT_NAMESPACE} alone`,
      },
    ],
  };
}
