import { PRODUCT } from '../policy/keys.ts';

/**
 * The manifest room: the objects that a cluster needs for a policy. `renderManifests()` is its door: from a policy to
 * typed objects, each with the comments that its reader needs; `printStream()` and `printManifest()` make YAML of them.
 * Nothing here asks a cluster, and only `writeFolder()` touches a file.
 *
 * This file holds every name, port and path on which several objects or programs must agree.
 */

/** The Service, and the first label of the DNS name in the serving certificate. */
export const SERVICE_NAME = PRODUCT;

/** Deployment, ServiceAccount, PodDisruptionBudget, NetworkPolicy and container of the webhook. */
export const WEBHOOK_NAME = `${PRODUCT}-webhook`;

/** DaemonSet, ServiceAccount, roles, NetworkPolicy and container of the node agent. */
export const NODE_NAME = `${PRODUCT}-node`;

/** The NetworkPolicy of the namespace in which the node agent proves that sandboxes start. */
export const PROOF_NAME = `${PRODUCT}-proof`;

/** The MutatingWebhookConfiguration. */
export const WEBHOOK_CONFIGURATION_NAME = PRODUCT;

/**
 * The policies of the backstop; a binding has the name of its policy. The API server puts the name before every message,
 * so it is short.
 */
export const BACKSTOP_NAMES = {
  labelled: `${PRODUCT}-labelled`,
  annotated: `${PRODUCT}-annotated`,
  runtimeFlags: `${PRODUCT}-runtime-flags`,
  bindingFlags: `${PRODUCT}-binding-flags`,
  namespaceLabels: `${PRODUCT}-namespace-labels`,
  namespaceAdvice: `${PRODUCT}-namespace-advice`,
  podAdvice: `${PRODUCT}-pod-advice`,
  protectedLabels: `${PRODUCT}-protected-labels`,
  agentNodes: `${PRODUCT}-agent-nodes`,
  agentPods: `${PRODUCT}-agent-pods`,
  agentImage: `${PRODUCT}-agent-image`,
  agentEvents: `${PRODUCT}-agent-events`,
} as const;

/** Who may take a namespace out of the sandbox has this permission for it, as far as labels are protected. */
export const RELEASE_PERMISSION = { group: PRODUCT, resource: 'sandboxes', verb: 'release' } as const;

/** The ResourceQuota that lets Pods of this namespace have the critical priority. */
export const CRITICAL_QUOTA_NAME = `${PRODUCT}-critical-pods`;

/** The priority of the webhook's Pods; built into Kubernetes. */
export const PRIORITY_CLASS = 'system-cluster-critical';

/** The priority of the node agent's Pods; built into Kubernetes. */
export const NODE_PRIORITY_CLASS = 'system-node-critical';

/** The Secret of type kubernetes.io/tls, with `tls.crt` and `tls.key`. */
export const CERTIFICATE_SECRET_NAME = `${PRODUCT}-serving-certificate`;

/** The keys of that Secret, hence the files in {@link CERTIFICATE_FOLDER}. */
export const CERTIFICATE_KEYS = { certificate: 'tls.crt', key: 'tls.key' } as const;

/** Where the Secret is mounted. The whole volume, never a subPath: only then does the kubelet swap its contents. */
export const CERTIFICATE_FOLDER = '/etc/gvisor-injector/certificate';

/** Where the ConfigMap with the policy is mounted, and its one file. */
export const POLICY_FOLDER = '/etc/gvisor-injector/policy';
export const POLICY_KEY = 'policy.yaml';

/** The bundle in the image; the image's entry point is node. */
export const IMAGE_SCRIPT = '/app/main.cjs';

/** The node agent's own program in it. */
export const AGENT_SCRIPT = '/app/agent.cjs';

/** Arguments of the image by which a proof gathers its evidence. The API server lets the node agent run no others. */
export const PROOF_ARGUMENTS = [IMAGE_SCRIPT, 'node', 'evidence'] as const;

/** Where the host's folders are in the node agent's container, each at its own path below. */
export const HOST_FOLDER = '/host';

/** No image is published: kustomize's `images:` replaces this name by one's own. The tag is the product's version. */
export const IMAGE_NAME = PRODUCT;
export const DEFAULT_IMAGE = `${IMAGE_NAME}:0.1.0`;

/** The same for the image of the node agent, which is the product's with a release of gVisor in it. */
export const NODE_IMAGE_NAME = `${PRODUCT}-node`;
export const DEFAULT_NODE_IMAGE = `${NODE_IMAGE_NAME}:0.1.0`;

/** Admission requests and probes. A control plane in a private network usually reaches 443 and 10250 of nodes only. */
export const WEBHOOK_PORT = 10250;

/** Plain HTTP: metrics and probes. */
export const METRICS_PORT = 9090;

/** The Service's port, which is also the API server's default. */
export const SERVICE_PORT = 443;

/** Container ports by name, so that a changed number is written in one place. */
export const PORT_NAMES = { webhook: 'webhook', metrics: 'metrics' } as const;

/** Labels of every object. */
export const COMMON_LABELS = { 'app.kubernetes.io/name': PRODUCT } as const;

/** Labels that select the Pods of the webhook; a Deployment's selector can never change, so neither may these. */
export const WEBHOOK_LABELS = { ...COMMON_LABELS, 'app.kubernetes.io/component': 'webhook' } as const;

/** Labels that select the Pods of the node agent; those of a DaemonSet's selector can never change either. */
export const NODE_LABELS = { ...COMMON_LABELS, 'app.kubernetes.io/component': 'node' } as const;

/** Labels of the Pods by which the node agent proves that sandboxes start, and of what is there for them. */
export const PROOF_LABELS = { ...COMMON_LABELS, 'app.kubernetes.io/component': 'proof' } as const;

/** The name that the API server expects in the serving certificate (apiserver: pkg/util/webhook/client.go). */
export function serviceDnsName(namespace: string): string {
  return `${SERVICE_NAME}.${namespace}.svc`;
}

/** The user that the API server sees in the node agent (kubernetes/apiserver: pkg/authentication/serviceaccount). */
export function nodeUser(nodeNamespace: string): string {
  return `system:serviceaccount:${nodeNamespace}:${NODE_NAME}`;
}

/** A ConfigMap for each policy: a change of policy is a rollout, and going back finds the former one in place. */
export function policyConfigMapName(digest: string): string {
  return `${PRODUCT}-policy-${digest}`;
}
