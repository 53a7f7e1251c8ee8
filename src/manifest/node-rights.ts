import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, ServiceAccount } from '../kube/objects.ts';
import { EVENT_NAMESPACE } from '../node/marks/plan-marks.ts';
import { nodeNamespace, proofNamespace } from '../policy/keys.ts';
import type { Manifest } from './manifest.ts';
import { NODE_LABELS, NODE_NAME } from './names.ts';

const API_VERSION = 'rbac.authorization.k8s.io/v1';
const API_GROUP = 'rbac.authorization.k8s.io';

/** Verbs on a resource, and what for. */
interface Grant {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  readonly why: string;
}

/** Rights in one namespace. */
interface NamespacedRights {
  readonly namespace: string;
  readonly file: string;
  readonly comment: string;
  readonly grants: readonly Grant[];
}

/** RBAC knows no "its own Node": that a verb reaches no other one is for the policies on the agent to see to. */
const CLUSTER_GRANTS: readonly Grant[] = [
  {
    group: '',
    resource: 'nodes',
    verbs: ['list', 'watch'],
    why: "Follows its own Node: what the admin's label asks for, and what marks are on it.",
  },
  {
    group: '',
    resource: 'nodes',
    verbs: ['patch'],
    why: 'Sets and removes the label of a handler, and lifts the startup taint.',
  },
  { group: '', resource: 'nodes/status', verbs: ['patch'], why: 'Writes the condition.' },
];

/**
 * The identity of the node agent, and all that it may. What is not here it may not: no Secret, no Pod of others, no
 * `nodes/proxy`, no deletion of Nodes. What RBAC cannot say is in the policies on the agent.
 */
export function nodeRightsManifests(namespace: string): readonly Manifest[] {
  return [
    serviceAccountManifest(namespace),
    clusterRoleManifest(),
    clusterRoleBindingManifest(namespace),
    ...namespacedRights(namespace).flatMap(rights => [
      roleManifest(rights),
      roleBindingManifest(rights, nodeNamespace(namespace)),
    ]),
  ];
}

function namespacedRights(namespace: string): readonly NamespacedRights[] {
  return [
    {
      namespace: nodeNamespace(namespace),
      file: 'node-role-own',
      comment: 'What the node agent may in its own namespace.',
      grants: [
        { group: '', resource: 'pods', verbs: ['get'], why: 'Reads from its own Pod which image a proof is to have.' },
      ],
    },
    {
      namespace: proofNamespace(namespace),
      file: 'node-role-proof',
      comment: 'What the node agent may where it proves that sandboxes start.',
      grants: [
        {
          group: '',
          resource: 'pods',
          verbs: ['create', 'delete'],
          why: 'Makes the Pod of a proof, and removes it, also one that was left behind.',
        },
        { group: '', resource: 'pods', verbs: ['get', 'list', 'watch'], why: 'Follows that Pod to its end.' },
        {
          group: 'events.k8s.io',
          resource: 'events',
          verbs: ['list'],
          why: 'Finds out why there is no sandbox: only an Event of the kubelet says so.',
        },
      ],
    },
    {
      namespace: EVENT_NAMESPACE,
      file: 'node-role-events',
      comment: 'Events about Nodes are kept in this namespace.',
      grants: [
        {
          group: 'events.k8s.io',
          resource: 'events',
          verbs: ['create'],
          why: 'Tells of a change in what "kubectl describe node" shows.',
        },
      ],
    },
  ];
}

function serviceAccountManifest(namespace: string): Manifest<ServiceAccount> {
  return {
    file: 'node-service-account.yaml',
    comment:
      'The node agent calls the API server by this account. Its rights hold only for a token that a kubelet asked for, for a\n' +
      'Pod of the agent: such a token names its node, and the agent may change that one alone.',
    object: {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: NODE_NAME, namespace: nodeNamespace(namespace), labels: NODE_LABELS },
      automountServiceAccountToken: false,
    },
  };
}

function clusterRoleManifest(): Manifest<ClusterRole> {
  return {
    file: 'node-cluster-role.yaml',
    comment:
      'What the node agent may in the whole cluster. RBAC cannot say "its own Node", so this alone would reach every Node:\n' +
      'the policies gvisor-injector-agent-* bound it.',
    object: {
      apiVersion: API_VERSION,
      kind: 'ClusterRole',
      metadata: { name: NODE_NAME, labels: NODE_LABELS },
      rules: rulesOf(CLUSTER_GRANTS),
    },
    notes: notesOf(CLUSTER_GRANTS),
  };
}

function clusterRoleBindingManifest(namespace: string): Manifest<ClusterRoleBinding> {
  return {
    file: 'node-cluster-role-binding.yaml',
    comment: 'Gives the node agent its rights in the whole cluster.',
    object: {
      apiVersion: API_VERSION,
      kind: 'ClusterRoleBinding',
      metadata: { name: NODE_NAME, labels: NODE_LABELS },
      roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name: NODE_NAME },
      subjects: [{ kind: 'ServiceAccount', name: NODE_NAME, namespace: nodeNamespace(namespace) }],
    },
  };
}

function roleManifest({ namespace, file, comment, grants }: NamespacedRights): Manifest<Role> {
  return {
    file: `${file}.yaml`,
    comment,
    object: {
      apiVersion: API_VERSION,
      kind: 'Role',
      metadata: { name: NODE_NAME, namespace, labels: NODE_LABELS },
      rules: rulesOf(grants),
    },
    notes: notesOf(grants),
  };
}

function roleBindingManifest({ namespace, file }: NamespacedRights, agents: string): Manifest<RoleBinding> {
  return {
    file: `${file}-binding.yaml`,
    comment: 'Gives the node agent its rights in this namespace.',
    object: {
      apiVersion: API_VERSION,
      kind: 'RoleBinding',
      metadata: { name: NODE_NAME, namespace, labels: NODE_LABELS },
      roleRef: { apiGroup: API_GROUP, kind: 'Role', name: NODE_NAME },
      subjects: [{ kind: 'ServiceAccount', name: NODE_NAME, namespace: agents }],
    },
  };
}

function rulesOf(grants: readonly Grant[]) {
  return grants.map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }));
}

function notesOf(grants: readonly Grant[]) {
  return grants.map(({ why }, index) => ({ path: ['rules', index], text: why }));
}
