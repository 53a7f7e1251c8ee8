/**
 * The policy room: what the product decides, as pure functions over plain data. `decide()` is the door for a Pod,
 * `validatePolicy()` the door for a policy. Nothing here reads a file, a clock, an environment or a network.
 *
 * This file holds every key and name that crosses a border to Kubernetes; each is defined here and nowhere else.
 */

/** Prefix of every key that the product itself writes. */
export const PRODUCT = 'gvisor-injector';

/** The label and annotation key that users write, unless the policy says otherwise. */
export const DEFAULT_SANDBOX_KEY = 'sandbox';

/** The annotation value that asks for no sandbox; reserved, so no profile may have this name. */
export const OPT_OUT_VALUE = 'none';

/** The value of the opt-out label with which a namespace owner lets its Pods leave the sandbox. */
export const OPT_OUT_ALLOWED = 'allowed';

/** Prefix of the annotations that gVisor reads as runtime flags; a Pod author must not set them freely (row 10). */
export const RUNTIME_FLAG_PREFIX = 'dev.gvisor.';

/** Set by the kubelet on the API server's copy of a static Pod (kubernetes/kubernetes: pkg/kubelet/types). */
export const MIRROR_POD_ANNOTATION = 'kubernetes.io/config.mirror';

/** User name prefix and group of a kubelet (kubernetes/website: access-authn-authz/node). */
export const NODE_USER_PREFIX = 'system:node:';
export const NODES_GROUP = 'system:nodes';

/** Never sandboxed, whatever its labels say: the cluster's own network and DNS run there. */
export const SYSTEM_NAMESPACE = 'kube-system';

/** The namespace of webhook and controller, unless `--namespace` says otherwise. */
export const DEFAULT_NAMESPACE = PRODUCT;

/** The namespace of the node agent. @param namespace the webhook's */
export function nodeNamespace(namespace: string): string {
  return `${namespace}-node`;
}

/** The namespace of the Pods by which the node agent proves that sandboxes start. @param namespace the webhook's */
export function proofNamespace(namespace: string): string {
  return `${namespace}-proof`;
}

/** The namespaces that the product itself occupies: webhook and controller, node agent, proof Pods. */
export function ownNamespaces(namespace: string): readonly string[] {
  return [namespace, nodeNamespace(namespace), proofNamespace(namespace)];
}

/** The Namespace label that asks for decisions without changes. */
export function auditKey(sandboxKey: string): string {
  return `${sandboxKey}-audit`;
}

/** The Namespace label that lets Pods opt out. */
export function optOutKey(sandboxKey: string): string {
  return `${sandboxKey}-opt-out`;
}

/** The node label that says that a handler was proved on the node; a profile's `nodeSelector` asks for it. */
export function handlerLabel(handler: string): string {
  return `${PRODUCT}/${handler}`;
}

/** The containerd handler of a profile that names none; gVisor's own guide calls it so. */
export const DEFAULT_HANDLER = 'runsc';

/** The value of {@link handlerLabel} on a proved node. */
export const HANDLER_READY = 'ready';

/** The node label by which an admin has gVisor installed (`true`) or removed (`false`). The product never writes it. */
export const INSTALL_LABEL = `${PRODUCT}/install`;

/** The condition of a node that says whether sandboxes start there, and why not. */
export const NODE_CONDITION = 'GVisorReady';

/**
 * A taint that a node pool's template sets and that is lifted after the first proof. The cluster autoscaler ignores
 * taints of this prefix when it asks whether a new node would help (cluster-autoscaler FAQ: "startup taints").
 */
export const STARTUP_TAINT = `startup-taint.cluster-autoscaler.kubernetes.io/${PRODUCT}`;
