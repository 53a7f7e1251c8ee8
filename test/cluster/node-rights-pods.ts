import type { Pod } from '../../src/kube/objects.ts';
import { PROOF_ARGUMENTS } from '../../src/manifest/names.ts';
import { proofPod } from '../../src/node/proof/proof-pod.ts';
import { AGENT_NAMESPACE, type Attack, OTHER, OWN, PROOF_NAMESPACE, type Verdict } from './node-rights-attack.ts';

/** What a Pod of a proof is made of here. */
export interface ProofParts {
  /** That of the DaemonSet. */
  readonly image: string;
  /** Of the own Node. */
  readonly uid: string;
}

/** The Pod of a proof as the node agent makes it. */
export function ownProof({ image, uid }: ProofParts, namespace = PROOF_NAMESPACE): Pod {
  return proofPod({
    namespace,
    node: { name: OWN, uid },
    handler: 'runsc',
    runtimeClassName: 'gvisor',
    image: { image, imagePullPolicy: 'Never', imagePullSecrets: [] },
    args: PROOF_ARGUMENTS,
  });
}

/** Changes of a Pod: of its metadata, its spec, and its container. */
interface Change {
  readonly metadata?: object;
  readonly spec?: object;
  readonly container?: object;
}

function changed(pod: Pod, { metadata = {}, spec = {}, container = {} }: Change): object {
  const containers = pod.spec?.containers.map(one => ({ ...one, ...container }));
  return { ...pod, metadata: { ...pod.metadata, ...metadata }, spec: { ...pod.spec, containers, ...spec } };
}

/** What the agent does with Pods, but for their removal. All are dry runs. */
export function podDeeds(parts: ProofParts): readonly Attack[] {
  const pod = ownProof(parts);
  const create = (what: string, change: Change) => creation(what, changed(pod, change), 'done');
  return [
    create('makes the Pod of a proof', {}),
    create('names Secrets to pull images by', { spec: { imagePullSecrets: [{ name: 'registry' }] } }),
    create('has its image always pulled', { container: { imagePullPolicy: 'Always' } }),
  ];
}

/** Pods that the agent must not be able to make. All are dry runs. */
export function podAttacks(parts: ProofParts): readonly Attack[] {
  const pod = ownProof(parts);
  const create = (what: string, change: Change, expected: Verdict = 'our policy') =>
    creation(what, changed(pod, change), expected);
  return [...metadataAttacks(create), ...specAttacks(create, parts), ...containerAttacks(create), ...elsewhere(parts)];
}

type Create = (what: string, change: Change, expected?: Verdict) => Attack;

function metadataAttacks(create: Create): readonly Attack[] {
  const owner = { apiVersion: 'v1', kind: 'Node', name: OTHER, uid: 'x' };
  return [
    create('has another label', { metadata: { labels: { app: 'x' } } }),
    create('has an annotation', { metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': 'x' } } }),
    create('has a finalizer', { metadata: { finalizers: ['example/never'] } }),
    create('belongs to another Node', { metadata: { ownerReferences: [owner] } }),
    create('belongs to nobody', { metadata: { ownerReferences: [] } }),
    create('blocks the deletion of its Node', {
      metadata: { ownerReferences: [{ ...owner, name: OWN, blockOwnerDeletion: true }] },
    }),
  ];
}

function specAttacks(create: Create, { image }: ProofParts): readonly Attack[] {
  const volume = { name: 'v', emptyDir: {} };
  const hostVolume = { name: 'v', hostPath: { path: '/' } };
  const second = { name: 'second', image, securityContext: RESTRICTED };
  return [
    create('is on another node', { spec: { nodeName: OTHER } }),
    create('asks the scheduler', { spec: { nodeName: undefined } }),
    create('has another RuntimeClass', { spec: { runtimeClassName: 'gvisor' } }),
    create('has no RuntimeClass', { spec: { runtimeClassName: undefined } }),
    create('mounts a token', { spec: { automountServiceAccountToken: true } }),
    create('has a volume', { spec: { volumes: [volume] } }),
    create('has a Secret', { spec: { volumes: [{ name: 'v', secret: { secretName: 'x' } }] } }),
    create('has a second container', { spec: { containers: [{ ...second, name: 'proof' }, second] } }),
    create('has an init container', { spec: { initContainers: [second] } }),
    create('is restarted', { spec: { restartPolicy: 'Always', activeDeadlineSeconds: 100_000 } }),
    create('never ends', { spec: { activeDeadlineSeconds: undefined } }),
    create('has a host name', { spec: { hostname: 'kubernetes', subdomain: 'x' } }),
    create('has names of its own', { spec: { hostAliases: [{ ip: '192.0.2.1', hostnames: ['x'] }] } }),
    create('asks another resolver', { spec: { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } } }),
    create('waits at a gate', { spec: { nodeName: undefined, schedulingGates: [{ name: 'example/never' }] } }),
    create('is critical', { spec: { priorityClassName: 'system-node-critical' } }),
    create('has another group', { spec: { securityContext: { ...POD_SECURITY, supplementalGroups: [0] } } }),
    create('shares its processes', { spec: { shareProcessNamespace: true } }),
    // Refused before our policy is asked.
    create('is root', { spec: { securityContext: { ...POD_SECURITY, runAsNonRoot: false, runAsUser: 0 } } }, SECURITY),
    create("is in its host's network", { spec: { hostNetwork: true } }, SECURITY),
    create("is in its host's process namespace", { spec: { hostPID: true } }, SECURITY),
    create('has a folder of its host', { spec: { volumes: [hostVolume] } }, SECURITY),
  ];
}

const SECURITY = 'Pod Security';
const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
};
const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

function containerAttacks(create: Create): readonly Attack[] {
  return [
    create('runs another image', { container: { image: 'registry.example/other:1' } }),
    create('runs another command', { container: { command: ['/bin/sh'] } }),
    create('runs other arguments', { container: { args: ['-e', 'process.exit()'] } }),
    create('runs more arguments', { container: { args: [...PROOF_ARGUMENTS, '--x'] } }),
    create('has another name', { container: { name: 'x' } }),
    create('has an environment', { container: { env: [{ name: 'NODE_OPTIONS', value: '--inspect' }] } }),
    create('has the environment of a Secret', { container: { envFrom: [{ secretRef: { name: 'x' } }] } }),
    create('has a port', { container: { ports: [{ containerPort: 80 }] } }),
    create('has a probe', { container: { livenessProbe: { tcpSocket: { port: 80 } } } }),
    create('has a hook', { container: { lifecycle: { preStop: { exec: { command: ['x'] } } } } }),
    create('has no limits', { container: { resources: {} } }),
    create('has higher limits', { container: { resources: { limits: { cpu: '64', memory: '1Ti' } } } }),
    create('keeps a terminal', { container: { stdin: true, tty: true } }),
    create('writes to its root', { container: { securityContext: RESTRICTED } }),
    create('is privileged', { container: { securityContext: { privileged: true } } }, SECURITY),
    create(
      'has a capability',
      {
        container: { securityContext: { ...RESTRICTED, capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } } },
      },
      SECURITY,
    ),
  ];
}

function rbac(what: string, call: Attack['call']): Attack {
  return { what, expected: 'RBAC', call };
}

function pods(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

function elsewhere(parts: ProofParts): readonly Attack[] {
  return [
    rbac('makes a Pod beside itself', {
      method: 'POST',
      path: pods(AGENT_NAMESPACE),
      body: ownProof(parts, AGENT_NAMESPACE),
    }),
    rbac('makes a Pod in kube-system', {
      method: 'POST',
      path: pods('kube-system'),
      body: ownProof(parts, 'kube-system'),
    }),
    rbac('deletes all proofs', { method: 'DELETE', path: pods(PROOF_NAMESPACE) }),
    rbac('changes a proof', { method: 'PATCH', path: `${pods(PROOF_NAMESPACE)}/x`, body: {} }),
    rbac('runs a program in a proof', { method: 'POST', path: `${pods(PROOF_NAMESPACE)}/x/exec?command=id` }),
    rbac('adds a container to a proof', {
      method: 'PATCH',
      path: `${pods(PROOF_NAMESPACE)}/x/ephemeralcontainers`,
      body: {},
    }),
    rbac('reads Pods of others', { method: 'GET', path: pods('kube-system') }),
    rbac('reads Secrets beside itself', { method: 'GET', path: `/api/v1/namespaces/${AGENT_NAMESPACE}/secrets` }),
    rbac('asks for a token of its own', {
      method: 'POST',
      path: `/api/v1/namespaces/${AGENT_NAMESPACE}/serviceaccounts/gvisor-injector-node/token`,
      body: {},
    }),
  ];
}

function creation(what: string, pod: object, expected: Verdict): Attack {
  const path = `/api/v1/namespaces/${PROOF_NAMESPACE}/pods?dryRun=All`;
  return { what: `Pod: ${what}`, expected, call: { method: 'POST', path, body: pod } };
}
