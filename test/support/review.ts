/** Builds AdmissionReviews as an API server sends them. */

export interface ReviewOptions {
  readonly uid?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly username?: string;
  readonly groups?: readonly string[];
  readonly dryRun?: boolean;
  /** Replaces or adds fields of `request`. */
  readonly request?: Readonly<Record<string, unknown>>;
}

/** An AdmissionReview v1 about the creation of this Pod. */
export function reviewOf(pod: unknown, options: ReviewOptions = {}): Record<string, unknown> {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: options.uid ?? '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
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

/** A small Pod. */
export function podOf(
  spec: Readonly<Record<string, unknown>> = {},
  metadata: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'team-a', ...metadata },
    spec: { containers: [{ name: 'web', image: 'nginx' }], ...spec },
  };
}
