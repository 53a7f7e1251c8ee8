import type { ClusterObject } from '../kube/objects.ts';
import type { Policy } from '../policy/policy.ts';

/** What is rendered. */
export interface RenderOptions {
  readonly policy: Policy;
  /** The text of the policy file, byte for byte. */
  readonly policyText: string;
  /** Names the policy's ConfigMap; see `PolicyDocument`. */
  readonly policyDigest: string;
  /** The namespace of the webhook; the one that the policy was read with. */
  readonly namespace: string;
  /** Image reference of the webhook's container. */
  readonly image: string;
  /** Image reference of the node agent's container. */
  readonly nodeImage: string;
  /** PEM certificates that the API server trusts the webhook by; absent when something else fills them in. */
  readonly caBundle?: string;
}

/** One object with its place in a folder and the comments that its reader needs. */
export interface Manifest<Kind extends ClusterObject = ClusterObject> {
  /** File name in a folder of manifests, without a folder. */
  readonly file: string;
  /** What the object is for; printed above it. May have several lines. */
  readonly comment: string;
  readonly object: Kind;
  /** Comments inside the object. */
  readonly notes?: readonly Note[];
}

/** A comment above one field. */
export interface Note {
  /** Keys and indexes from the object to the field. */
  readonly path: readonly (string | number)[];
  readonly text: string;
}
