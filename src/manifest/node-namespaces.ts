import type { Namespace, NetworkPolicy, ResourceQuota, RuntimeClass } from '../kube/objects.ts';
import { proofRuntimeClassName } from '../node/proof/proof-pod.ts';
import { nodeNamespace, proofNamespace } from '../policy/keys.ts';
import type { Profile } from '../policy/policy.ts';
import type { Manifest } from './manifest.ts';
import {
  CRITICAL_QUOTA_NAME,
  NODE_LABELS,
  NODE_NAME,
  NODE_PRIORITY_CLASS,
  PORT_NAMES,
  PROOF_LABELS,
  PROOF_NAME,
} from './names.ts';

/** More than a cluster has nodes: the quota is there to permit, and not to bound. */
const CRITICAL_PODS = '1G';

/** The namespace of the node agent. @param namespace the webhook's, as below */
export function nodeNamespaceManifest(namespace: string): Manifest<Namespace> {
  return {
    file: 'node-namespace.yaml',
    comment:
      'Home of the node agent. Its Pods mount folders of their nodes, which only the level privileged lets them; who may\n' +
      'create Pods here is root on every node, so nothing else belongs here, and nobody else needs rights here.',
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: nodeNamespace(namespace), labels: { ...NODE_LABELS, ...podSecurity('privileged') } },
    },
  };
}

/** The namespace of the Pods by which the node agent proves that sandboxes start. */
export function proofNamespaceManifest(namespace: string): Manifest<Namespace> {
  return {
    file: 'proof-namespace.yaml',
    comment:
      'Where the node agent creates a Pod for a moment, to see whether a sandbox starts on its node. Others that change every\n' +
      'Pod of the cluster should leave this namespace out: the API server refuses a Pod here that is not as it was made.',
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: proofNamespace(namespace), labels: { ...PROOF_LABELS, ...podSecurity('restricted') } },
    },
  };
}

function podSecurity(level: 'privileged' | 'restricted'): Readonly<Record<string, string>> {
  return Object.fromEntries(['enforce', 'audit', 'warn'].map(mode => [`pod-security.kubernetes.io/${mode}`, level]));
}

/** What some clusters ask for before they admit critical Pods outside kube-system. */
export function nodeQuotaManifest(namespace: string): Manifest<ResourceQuota> {
  return {
    file: 'node-resource-quota.yaml',
    comment:
      `Some clusters (GKE among them) admit Pods of priority ${NODE_PRIORITY_CLASS} outside kube-system only where a quota\n` +
      'permits them. One agent a node, so it is larger than any cluster.',
    object: {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: CRITICAL_QUOTA_NAME, namespace: nodeNamespace(namespace), labels: NODE_LABELS },
      spec: {
        hard: { pods: CRITICAL_PODS },
        scopeSelector: {
          matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: [NODE_PRIORITY_CLASS] }],
        },
      },
    },
  };
}

/** Who may talk to the node agent. */
export function nodeNetworkPolicyManifest(namespace: string): Manifest<NetworkPolicy> {
  return {
    file: 'node-network-policy.yaml',
    comment:
      'Metrics, from Pods of this cluster; the kubelet of the same node is always let through. What leaves is not bounded:\n' +
      'the API server is no Pod, its address differs from cluster to cluster, and a mirror of gVisor may be anywhere.',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: NODE_NAME, namespace: nodeNamespace(namespace), labels: NODE_LABELS },
      spec: {
        podSelector: {},
        policyTypes: ['Ingress'],
        ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port: PORT_NAMES.metrics }] }],
      },
    },
  };
}

/** Nobody talks to a proof. */
export function proofNetworkPolicyManifest(namespace: string): Manifest<NetworkPolicy> {
  return {
    file: 'proof-network-policy.yaml',
    comment:
      'Nobody talks to the Pod of a proof. What it says itself (a name that it looks up, a connection to the API server\n' +
      'that it opens and closes) is part of its evidence, so that is not bounded.',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: PROOF_NAME, namespace: proofNamespace(namespace), labels: PROOF_LABELS },
      spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [] },
    },
  };
}

/** The RuntimeClass of the proofs of a profile: its handler, and nothing else. */
export function proofRuntimeClassManifest({ name, runtimeClassName, handler }: Profile): Manifest<RuntimeClass> {
  return {
    file: `runtime-class-${proofRuntimeClassName(runtimeClassName)}.yaml`,
    comment:
      `The handler of profile "${name}" without scheduling: the node agent proves it on nodes that have not earned the\n` +
      "profile's node label yet. Also where the RuntimeClass of the profile itself is made by others.",
    object: {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: proofRuntimeClassName(runtimeClassName), labels: PROOF_LABELS },
      handler,
    },
  };
}
