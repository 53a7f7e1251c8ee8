import { sha256Of } from '../host/sha256.ts';
import type { Pod } from '../../kube/objects.ts';
import { PRODUCT } from '../../policy/keys.ts';

/** The image of the proof, which is the agent's own: it is on the node already, so that nothing is pulled. */
export interface ProofImage {
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Names of Secrets, which the namespace of the proofs must have too. */
  readonly imagePullSecrets: readonly string[];
}

/** What is proved, and where. */
export interface ProofRequest {
  /** The namespace of the proofs. */
  readonly namespace: string;
  readonly node: { readonly name: string; readonly uid: string };
  readonly handler: string;
  /** Of the profile; the proof has a RuntimeClass of its own beside it. */
  readonly runtimeClassName: string;
  readonly image: ProofImage;
  /** Arguments of the image that gather the evidence. */
  readonly args: readonly string[];
}

/** Seconds after which the kubelet ends a proof that nobody looks at any more. */
export const ACTIVE_DEADLINE_SECONDS = 150;

/** What the Pod's cgroup on the host has to show, the overhead of its RuntimeClass added. */
export const PROOF_LIMITS = { cpu: '1', memory: '192Mi' } as const;

/** Little, as a node that is full must be provable too; nothing at all would give the Pod the requests of its limits. */
const REQUESTS = { cpu: '1m', memory: '16Mi' } as const;

/** Distroless images call this user `nonroot`. */
const NON_ROOT = 65532;

/** Names of Pods and of their host names have 63 characters at most. */
const LONGEST_NAME = 63;
const DIGEST_LENGTH = 8;

/**
 * The RuntimeClass of the proofs of a profile: the same handler without scheduling, as its selector asks for the label
 * that the proof is to earn.
 */
export function proofRuntimeClassName(runtimeClassName: string): string {
  return `${runtimeClassName}-proof`;
}

/** The Pod's name. There is one a node and handler, so that a proof which was left behind is found by its name. */
export function proofPodName(node: string, handler: string): string {
  const digest = sha256Of(`${handler}/${node}`).slice(0, DIGEST_LENGTH);
  const readable = `${handler}-${node}`.replaceAll('.', '-').slice(0, LONGEST_NAME - DIGEST_LENGTH - 1);
  return `${readable.replace(/-+$/, '')}-${digest}`;
}

/**
 * The Pod of a proof. It holds no token, asks the scheduler nothing, runs on the node whatever its taints are, ends by
 * itself, and goes with the Node if nobody removes it before.
 */
export function proofPod({ namespace, node, handler, runtimeClassName, image, args }: ProofRequest): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: proofPodName(node.name, handler),
      namespace,
      labels: { 'app.kubernetes.io/name': PRODUCT, 'app.kubernetes.io/component': 'proof' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid }],
    },
    spec: {
      nodeName: node.name,
      runtimeClassName: proofRuntimeClassName(runtimeClassName),
      restartPolicy: 'Never',
      activeDeadlineSeconds: ACTIVE_DEADLINE_SECONDS,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{ operator: 'Exists' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: NON_ROOT,
        runAsGroup: NON_ROOT,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(image.imagePullSecrets.length > 0 && { imagePullSecrets: image.imagePullSecrets.map(name => ({ name })) }),
      containers: [
        {
          name: 'proof',
          image: image.image,
          imagePullPolicy: image.imagePullPolicy,
          args: [...args],
          resources: { requests: REQUESTS, limits: PROOF_LIMITS },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}
