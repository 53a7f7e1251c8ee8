import type {
  EventsV1Event,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1ConfigMap,
  V1Container,
  V1DaemonSet,
  V1Deployment,
  V1LabelSelector,
  V1MutatingWebhook,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1NetworkPolicy,
  V1NodeCondition,
  V1Pod,
  V1PodDisruptionBudget,
  V1PodSpec,
  V1ResourceQuota,
  V1Role,
  V1RoleBinding,
  V1RuntimeClass,
  V1Service,
  V1ServiceAccount,
  V1Taint,
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
} from '@kubernetes/client-node';

/**
 * The kube room: what the product knows of Kubernetes as a server. `createKubeClient()` is its door, `watchObjects()` the
 * other one; whatever goes wrong there is a `KubeError`. This file has the shapes of objects as they stand in YAML and
 * JSON, from the types of `@kubernetes/client-node`, which only this room imports and nobody at run time: with the
 * client, a process that holds one watch has 97 MB, with `node:https` 56 (Node 24.21, one bundled file, one Node object
 * with 50 images five times a second), and of the client's own configuration alone 76.
 */

/**
 * A client type as it is on the wire: the client writes reserved words with an underscore (`_from`) and times as `Date`.
 */
export type Wire<Type> = Type extends Date
  ? string
  : Type extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : Type extends object
      ? { readonly [Key in keyof Type as Key extends `_${infer Name}` ? Name : Key]: Wire<Type[Key]> }
      : Type;

/** A whole object: what the client's types leave optional and the API server asks for is there. */
type Whole<Type, Version extends string, Kind extends string> = Wire<Type> & {
  readonly apiVersion: Version;
  readonly kind: Kind;
  readonly metadata: { readonly name: string };
};

/** Each kind of object that the product renders, whole. */
export type ClusterRole = Whole<V1ClusterRole, 'rbac.authorization.k8s.io/v1', 'ClusterRole'>;
export type ClusterRoleBinding = Whole<V1ClusterRoleBinding, 'rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'>;
export type ConfigMap = Whole<V1ConfigMap, 'v1', 'ConfigMap'>;
export type DaemonSet = Whole<V1DaemonSet, 'apps/v1', 'DaemonSet'>;
export type Deployment = Whole<V1Deployment, 'apps/v1', 'Deployment'>;
export type MutatingWebhookConfiguration = Whole<
  V1MutatingWebhookConfiguration,
  'admissionregistration.k8s.io/v1',
  'MutatingWebhookConfiguration'
>;
export type Namespace = Whole<V1Namespace, 'v1', 'Namespace'>;
export type NetworkPolicy = Whole<V1NetworkPolicy, 'networking.k8s.io/v1', 'NetworkPolicy'>;
export type PodDisruptionBudget = Whole<V1PodDisruptionBudget, 'policy/v1', 'PodDisruptionBudget'>;
export type ResourceQuota = Whole<V1ResourceQuota, 'v1', 'ResourceQuota'>;
export type Role = Whole<V1Role, 'rbac.authorization.k8s.io/v1', 'Role'>;
export type RoleBinding = Whole<V1RoleBinding, 'rbac.authorization.k8s.io/v1', 'RoleBinding'>;
export type RuntimeClass = Whole<V1RuntimeClass, 'node.k8s.io/v1', 'RuntimeClass'>;
export type Service = Whole<V1Service, 'v1', 'Service'>;
export type ServiceAccount = Whole<V1ServiceAccount, 'v1', 'ServiceAccount'>;
export type ValidatingAdmissionPolicy = Whole<
  V1ValidatingAdmissionPolicy,
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicy'
>;
export type ValidatingAdmissionPolicyBinding = Whole<
  V1ValidatingAdmissionPolicyBinding,
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicyBinding'
>;

/** Objects that the node agent makes. */
export type Pod = Whole<V1Pod, 'v1', 'Pod'>;
export type Event = Whole<EventsV1Event, 'events.k8s.io/v1', 'Event'>;

/** Parts of a Node that the node agent writes. */
export type NodeCondition = Wire<V1NodeCondition>;
export type Taint = Wire<V1Taint>;

/** Parts of objects: an entry of a MutatingWebhookConfiguration, a selector, a Pod's specification, a container. */
export type MutatingWebhook = Wire<V1MutatingWebhook>;
export type LabelSelector = Wire<V1LabelSelector>;
export type PodSpec = Wire<V1PodSpec>;
export type Container = Wire<V1Container>;

/** Any object that the product renders. */
export type ClusterObject =
  | ClusterRole
  | ClusterRoleBinding
  | ConfigMap
  | DaemonSet
  | Deployment
  | MutatingWebhookConfiguration
  | Namespace
  | NetworkPolicy
  | PodDisruptionBudget
  | ResourceQuota
  | Role
  | RoleBinding
  | RuntimeClass
  | Service
  | ServiceAccount
  | ValidatingAdmissionPolicy
  | ValidatingAdmissionPolicyBinding;
