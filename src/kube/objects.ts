import type {
  V1ConfigMap,
  V1Container,
  V1Deployment,
  V1LabelSelector,
  V1MutatingWebhook,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1NetworkPolicy,
  V1PodDisruptionBudget,
  V1PodSpec,
  V1ResourceQuota,
  V1RuntimeClass,
  V1Service,
  V1ServiceAccount,
} from '@kubernetes/client-node';

/**
 * The kube room: the only importer of `@kubernetes/client-node`. This file has types alone, so nothing is loaded at run
 * time: the shapes of Kubernetes objects as they stand in YAML and JSON.
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
export type ConfigMap = Whole<V1ConfigMap, 'v1', 'ConfigMap'>;
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
export type RuntimeClass = Whole<V1RuntimeClass, 'node.k8s.io/v1', 'RuntimeClass'>;
export type Service = Whole<V1Service, 'v1', 'Service'>;
export type ServiceAccount = Whole<V1ServiceAccount, 'v1', 'ServiceAccount'>;

/** Parts of objects: an entry of a MutatingWebhookConfiguration, a selector, a Pod's specification, a container. */
export type MutatingWebhook = Wire<V1MutatingWebhook>;
export type LabelSelector = Wire<V1LabelSelector>;
export type PodSpec = Wire<V1PodSpec>;
export type Container = Wire<V1Container>;

/** Any object that the product renders. */
export type ClusterObject =
  | ConfigMap
  | Deployment
  | MutatingWebhookConfiguration
  | Namespace
  | NetworkPolicy
  | PodDisruptionBudget
  | ResourceQuota
  | RuntimeClass
  | Service
  | ServiceAccount;
