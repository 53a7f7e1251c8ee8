import { REVIEW_API_VERSION, REVIEW_KIND } from './admission-review.ts';

/** What an {@link exampleReview} may say of its request; the rest is as a ReplicaSet's Pod has it. */
export interface ExampleReviewOptions {
  readonly uid?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly username?: string;
  readonly groups?: readonly string[];
  readonly dryRun?: boolean;
  /** Replaces or adds fields of `request`. */
  readonly request?: Readonly<Record<string, unknown>>;
}

/** An AdmissionReview v1 about the creation of a Pod, as an API server sends it: for the demo, tests and measurements. */
export function exampleReview(pod: unknown, options: ExampleReviewOptions = {}): Record<string, unknown> {
  const pods = { group: '', version: 'v1', resource: 'pods' };
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  return {
    kind: REVIEW_KIND,
    apiVersion: REVIEW_API_VERSION,
    request: {
      uid: options.uid ?? '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind,
      resource: pods,
      requestKind: kind,
      requestResource: pods,
      name: options.name ?? '',
      namespace: options.namespace ?? 'team-a',
      operation: 'CREATE',
      userInfo: {
        username: options.username ?? 'system:serviceaccount:kube-system:replicaset-controller',
        uid: 'a7e0ab33-5f29-11e8-8a3c-36e6bb280816',
        groups: options.groups ?? ['system:serviceaccounts', 'system:authenticated'],
      },
      object: pod,
      oldObject: null,
      dryRun: options.dryRun ?? false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'kubectl-create' },
      ...options.request,
    },
  };
}
