import { proofPod, proofRuntimeClassName } from '../node/proof/proof-pod.ts';
import { nodeNamespace, proofNamespace } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { all, choose, listOf, literal, not, say, sentence, show } from './backstop-cel.ts';
import { type BackstopPolicy, type Refusal, type Variable } from './backstop-policy.ts';
import { NODE_NAME, PROOF_ARGUMENTS } from './names.ts';
import { jsonLiteral } from './node-cel.ts';
import { isNodeAgent, NODE_VARIABLE, ofAnotherNode, ofFields } from './node-policy.ts';

/** Parts of a Pod whose fields are compared one by one. */
type Part = 'metadata' | 'spec' | 'container';

/** Fields of a proof that differ from one proof to the next. Which image it is, the policy on images says. */
const VARYING: Readonly<Record<Part, readonly string[]>> = {
  metadata: ['name', 'namespace', 'ownerReferences'],
  spec: ['nodeName', 'runtimeClassName', 'containers', 'imagePullSecrets', 'tolerations'],
  container: ['image', 'imagePullPolicy'],
};

/**
 * What the API server and its own plugins write into Pods. None of it lets the Pod do anything: no token is mounted,
 * whatever the account, and a Pod that names its node asks no scheduler.
 */
const DEFAULTED: Readonly<Record<Part, readonly string[]>> = {
  metadata: ['uid', 'creationTimestamp', 'generation', 'resourceVersion', 'managedFields'],
  spec: [
    'dnsPolicy',
    'schedulerName',
    'serviceAccountName',
    'serviceAccount',
    'nodeSelector',
    'overhead',
    'priority',
    'priorityClassName',
    'preemptionPolicy',
  ],
  container: ['terminationMessagePath', 'terminationMessagePolicy'],
};

const IS_CREATED = "request.operation == 'CREATE'";

/** What the node agent may do to Pods: make and remove those of proofs on its own node. @param namespace the webhook's */
export function agentPodsPolicy(policy: Policy, namespace: string): BackstopPolicy {
  return {
    key: 'agentPods',
    action: 'Deny',
    comment:
      'What the node agent may create and delete of Pods: the Pod of a proof, on the node that its token names, as the agent\n' +
      'makes it, field by field. A field that a later version of Kubernetes has is refused until a later version of ours.',
    constraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'DELETE'], resources: ['pods'], scope: '*' },
      ],
    },
    conditions: [isNodeAgent(namespace)],
    variables: [NODE_VARIABLE, ...podVariables(), ...fixedVariables(namespace), foreignVariable(policy)],
    refusals: [
      ofAnotherNode('this Pod', 'variables.owner'),
      elsewhere(namespace),
      ofFields(
        'foreign',
        sentence`the node agent may create no Pod but that of a proof; this one has other values than that, or fields that it has not, at ${say("variables.foreign.join(', ')")}; if something in the cluster changed it on the way, let that leave out this namespace`,
      ),
    ],
  };
}

function elsewhere(namespace: string): Refusal {
  const proofs = proofNamespace(namespace);
  return {
    name: 'elsewhere',
    reason: 'BeyondAgentRights',
    when: `request.namespace != ${literal(proofs)}`,
    message: sentence`the node agent may create and delete Pods in namespace ${proofs} alone`,
  };
}

/** The parts of the Pod; empty when it is deleted. */
function podVariables(): readonly Variable[] {
  const part = (path: string): string => choose(IS_CREATED, `dyn(${path})`, 'dyn({})');
  return [
    {
      name: 'owner',
      expression: choose(
        IS_CREATED,
        choose('has(object.spec.nodeName)', 'object.spec.nodeName', "''"),
        choose("request.operation == 'DELETE' && has(oldObject.spec.nodeName)", 'oldObject.spec.nodeName', "''"),
      ),
      comment: 'The node that the Pod is on.',
    },
    { name: 'metadata', expression: part('object.metadata') },
    { name: 'spec', expression: part('object.spec') },
    { name: 'container', expression: part('object.spec.containers[0]') },
  ];
}

/** What the agent makes, without what varies. */
function fixedVariables(namespace: string): readonly Variable[] {
  const image = { image: '', imagePullPolicy: '', imagePullSecrets: [] };
  const { metadata, spec } = proofPod({
    namespace: proofNamespace(namespace),
    node: { name: '', uid: '' },
    handler: '',
    runtimeClassName: '',
    image,
    args: PROOF_ARGUMENTS,
  });
  const [container] = spec?.containers ?? [];
  if (spec === undefined || container === undefined) throw new RangeError('the Pod of a proof has a container');
  return [
    { name: 'fixedMetadata', expression: fixed('metadata', metadata), comment: 'As the node agent makes it.' },
    { name: 'fixedSpec', expression: fixed('spec', spec) },
    { name: 'fixedContainer', expression: fixed('container', container) },
  ];
}

function fixed(part: Part, object: object): string {
  return jsonLiteral(Object.fromEntries(Object.entries(object).filter(([key]) => !VARYING[part].includes(key))));
}

/** What is not as the agent makes it, as paths of fields. */
function foreignVariable({ profiles }: Policy): Variable {
  const classes = listOf(profiles.map(({ runtimeClassName }) => proofRuntimeClassName(runtimeClassName)));
  const isProofClass = all("'runtimeClassName' in variables.spec", `variables.spec.runtimeClassName in ${classes}`);
  const isCritical = all(
    "'priorityClassName' in variables.spec",
    "variables.spec.priorityClassName.startsWith('system-')",
  );
  const fields = [
    differing('metadata', 'metadata.'),
    differing('spec', 'spec.'),
    differing('container', 'spec.containers[0].'),
    unless(isProofClass, 'spec.runtimeClassName'),
    unless(not(isCritical), 'spec.priorityClassName'),
    unless('size(variables.spec.containers) == 1', 'spec.containers'),
    unless(ownedByItsNode(), 'metadata.ownerReferences'),
  ];
  return {
    name: 'foreign',
    expression: choose(IS_CREATED, `(${fields.join(' +\n')})`, '[]'),
    comment: 'What is not as the node agent makes it.',
  };
}

function differing(part: Part, prefix: string): string {
  const wanted = `variables.fixed${part.charAt(0).toUpperCase()}${part.slice(1)}`;
  const found = `variables.${part}`;
  const isSame = all(`key in ${found}`, `${found}[key] == ${wanted}[key]`);
  const free = listOf([...VARYING[part], ...DEFAULTED[part]]);
  const others = `${found}.filter(key, ${all(not(`key in ${wanted}`), not(`key in ${free}`))})`;
  return `(${wanted}.filter(key, ${not(isSame)}) + ${others}).map(key, ${literal(prefix)} + key)`;
}

function unless(condition: string, path: string): string {
  return choose(condition, '[]', listOf([path]));
}

function ownedByItsNode(): string {
  const keys = listOf(['apiVersion', 'kind', 'name', 'uid']);
  const isNode = all(
    `${keys}.all(key, key in owner)`,
    `owner.all(key, key in ${keys})`,
    "owner.kind == 'Node'",
    'owner.name == variables.node',
  );
  return all(
    "'ownerReferences' in variables.metadata",
    'size(variables.metadata.ownerReferences) == 1',
    `variables.metadata.ownerReferences.all(owner, ${isNode})`,
  );
}

/**
 * Which image the Pod of a proof has: the one that the DaemonSet of the node agent names, so that a token alone runs no
 * program of somebody's choice. A policy of its own, as a cluster may change the image of every Pod.
 */
export function agentImagePolicy(namespace: string): BackstopPolicy {
  const isAgent = `container.name == ${literal(NODE_NAME)}`;
  const images = `params.spec.template.spec.containers.filter(container, ${isAgent}).map(container, container.image)`;
  return {
    key: 'agentImage',
    action: 'Deny',
    comment:
      'Which image the Pod of a proof has: that of the DaemonSet of the node agent, whatever the kustomization made of it.\n' +
      'While a new image is rolled out, an agent of the former one cannot prove anything, and waits for its successor.',
    constraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: '*' },
      ],
    },
    conditions: [isNodeAgent(namespace)],
    variables: [
      { name: 'images', expression: images, comment: 'Of the DaemonSet.' },
      {
        name: 'image',
        expression: choose('has(object.spec.containers[0].image)', 'object.spec.containers[0].image', "''"),
      },
    ],
    refusals: [
      {
        name: 'ofAnotherImage',
        reason: 'BeyondAgentRights',
        when: not('variables.image in variables.images'),
        message: sentence`the Pod of a proof has the image ${show('variables.image')}, and the DaemonSet ${NODE_NAME} in namespace ${nodeNamespace(namespace)} has ${say("variables.images.join(', ')")}; where something in the cluster changes the images of Pods, use the component any-proof-image`,
      },
    ],
  };
}
