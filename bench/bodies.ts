/** Names of the bodies, smallest first: about their size in bytes. */
export const BODY_NAMES = ['3KB', '12KB', '65KB', '1MB'] as const;

/** The name of a body. */
export type BodyName = (typeof BODY_NAMES)[number];

/** How large a Pod is. */
interface PodSize {
  readonly containers: number;
  /** Environment variables of each container; managedFields name every one of them. */
  readonly variables: number;
  readonly probes: boolean;
}

const SIZES: Readonly<Record<BodyName, PodSize>> = {
  '3KB': { containers: 1, variables: 0, probes: false },
  '12KB': { containers: 3, variables: 11, probes: true },
  '65KB': { containers: 5, variables: 66, probes: true },
  '1MB': { containers: 20, variables: 290, probes: true },
};

/** `request.uid` of every body. */
export const REQUEST_UID = '705ab4f5-6393-11e8-b7cc-42010a800002';

const NAMESPACE = 'team-a';
const OWNER = { name: 'checkout-7c5ddbdf54', uid: '8b4ce3a4-7a3b-4f2e-9d35-6f1f6b2f9c11' };
const TOKEN_VOLUME = 'kube-api-access-7x2bq';
const POD_KIND = { group: '', version: 'v1', kind: 'Pod' };
const POD_RESOURCE = { group: '', version: 'v1', resource: 'pods' };

/**
 * An AdmissionReview about a Deployment's Pod as an API server sends it to a mutating webhook: no name yet, defaults
 * filled in, token volume projected, managedFields of the controller. The same at every call.
 */
export function admissionReview(name: BodyName): Buffer {
  return Buffer.from(
    toGoJSON({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        uid: REQUEST_UID,
        kind: POD_KIND,
        resource: POD_RESOURCE,
        requestKind: POD_KIND,
        requestResource: POD_RESOURCE,
        namespace: NAMESPACE,
        operation: 'CREATE',
        userInfo: {
          username: 'system:serviceaccount:kube-system:replicaset-controller',
          uid: 'a7e0ab33-5f29-11e8-8a3c-36e6bb280816',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
          extra: { 'authentication.kubernetes.io/credential-id': ['JTI=2f0e2d9a-5a26-4f0a-9f57-6b1b0f8a3c11'] },
        },
        object: pod(SIZES[name]),
        oldObject: null,
        dryRun: false,
        options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      },
    }),
  );
}

/** Go writes these three as escapes. */
function toGoJSON(value: object): string {
  const escapes: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' };
  return JSON.stringify(value).replace(/[<>&]/g, character => escapes[character] ?? character);
}

function pod(size: PodSize): object {
  const containers = Array.from({ length: size.containers }, (_, index) => container(index, size));
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      generateName: `${OWNER.name}-`,
      namespace: NAMESPACE,
      creationTimestamp: null,
      labels: { 'app.kubernetes.io/name': 'checkout', 'pod-template-hash': '7c5ddbdf54' },
      annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-11-24T09:00:00Z' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', ...OWNER, controller: true, blockOwnerDeletion: true },
      ],
      managedFields: [managedFields(containers)],
    },
    spec: {
      volumes: [tokenVolume()],
      containers,
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      serviceAccount: 'default',
      securityContext: {},
      schedulerName: 'default-scheduler',
      tolerations: ['not-ready', 'unreachable'].map(taint => ({
        key: `node.kubernetes.io/${taint}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      })),
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
    },
    status: {},
  };
}

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
}

function container(index: number, { variables, probes }: PodSize) {
  const name = `part-${index}`;
  return {
    name,
    image: `registry.example.com/shop/${name}@sha256:${'0f1e2d3c4b5a6978'.repeat(4)}`,
    args: ['--listen=:8080', '--greeting="hello <world> & all"'],
    ports: [{ name: 'http', containerPort: 8080 + index, protocol: 'TCP' }],
    env: Array.from({ length: variables }, (_, variable) => ({
      name: `CHECKOUT_SETTING_${variable}`,
      value: `https://setting-${variable}.shop.svc.cluster.local:8443/v1?part=${index}`,
    })),
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    volumeMounts: [{ name: TOKEN_VOLUME, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    ...(probes ? { livenessProbe: probe('/healthz', 10), readinessProbe: probe('/ready', 5) } : {}),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: {
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

function probe(path: string, periodSeconds: number): object {
  return {
    httpGet: { path, port: 'http', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds,
    successThreshold: 1,
    failureThreshold: 3,
  };
}

function tokenVolume(): object {
  const items = [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }];
  return {
    name: TOKEN_VOLUME,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items } },
      ],
      defaultMode: 420,
    },
  };
}

/** What the API server's field manager notes of a Pod that a controller creates: a key for every field and list item. */
function managedFields(containers: readonly Container[]): object {
  return {
    manager: 'kube-controller-manager',
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-11-24T09:00:01Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:metadata': {
        'f:generateName': {},
        'f:labels': { '.': {}, 'f:app.kubernetes.io/name': {}, 'f:pod-template-hash': {} },
        'f:ownerReferences': { '.': {}, [`k:${JSON.stringify({ uid: OWNER.uid })}`]: {} },
      },
      'f:spec': {
        'f:containers': Object.fromEntries(containers.map(part => [itemKey(part.name), managedContainer(part)])),
        'f:dnsPolicy': {},
        'f:enableServiceLinks': {},
        'f:restartPolicy': {},
        'f:schedulerName': {},
        'f:securityContext': {},
        'f:terminationGracePeriodSeconds': {},
      },
    },
  };
}

function managedContainer({ env }: Container): object {
  const variables = env.map(({ name }): [string, object] => [itemKey(name), { '.': {}, 'f:name': {}, 'f:value': {} }]);
  return {
    '.': {},
    'f:args': {},
    'f:env': { '.': {}, ...Object.fromEntries(variables) },
    'f:image': {},
    'f:imagePullPolicy': {},
    'f:name': {},
    'f:resources': {},
    'f:terminationMessagePath': {},
    'f:terminationMessagePolicy': {},
  };
}

/** A list item is named by its key fields, as JSON inside the key. */
function itemKey(name: string): string {
  return `k:${JSON.stringify({ name })}`;
}
