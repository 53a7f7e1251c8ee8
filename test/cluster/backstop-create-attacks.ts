import { always, type Attack, INJECTED_OR_REFUSED, refusedByBoth } from './backstop-attack.ts';
import { FOREIGN_CLASS, gatedPod, type NAMESPACES, SANDBOXED, seeCreate, type Site, TENANT } from './backstop-site.ts';

const MIRROR = { 'kubernetes.io/config.mirror': 'attack' } as const;

/** Attacks at creation, by annotations, classes, selectors and identities. */
export const CREATE_ATTACKS: readonly Attack[] = [
  ...annotationAttacks(),
  ...classAttacks(),
  {
    what: 'an ordinary Pod in a labelled namespace',
    expected: INJECTED_OR_REFUSED,
    run: site => create(site, 'gvisor'),
  },
  {
    what: 'a Pod without a name, by `generateName`',
    expected: INJECTED_OR_REFUSED,
    run: site => seeCreate(site, 'gvisor', gatedPod('attack-')),
  },
  {
    what: 'a Pod with all that its profile asks for',
    expected: always('sandboxed as gvisor'),
    run: site => create(site, 'gvisor', { spec: SANDBOXED }),
  },
  {
    what: '`spec.nodeName`, past the scheduler',
    expected: INJECTED_OR_REFUSED,
    run: site => create(site, 'gvisor', { spec: { nodeName: site.node.name, schedulingGates: [] } }),
  },
  {
    what: 'an ordinary Pod in an unlabelled namespace',
    expected: always('not sandboxed'),
    run: site => create(site, 'plain'),
  },
  {
    what: 'annotation of a profile in an unlabelled namespace',
    expected: INJECTED_OR_REFUSED,
    run: site => create(site, 'plain', { annotations: { sandbox: 'gvisor' } }),
  },
  {
    what: 'a namespace whose label names no profile',
    expected: always('backstop: UnknownProfile'),
    run: site => create(site, 'unknown'),
  },
  {
    what: 'a runtime flag, sandboxed',
    expected: { up: 'webhook: RuntimeFlagForbidden', without: 'backstop: RuntimeFlagForbidden' },
    run: site => create(site, 'gvisor', { annotations: { 'dev.gvisor.flag.host-uds': 'all' }, spec: SANDBOXED }),
  },
  {
    what: 'a runtime flag by the class alone, in an unlabelled namespace',
    expected: always('backstop: RuntimeFlagForbidden'),
    run: site => create(site, 'plain', { annotations: { 'dev.gvisor.flag.host-uds': 'all' }, spec: SANDBOXED }),
  },
  {
    what: 'a runtime flag that the profile allows',
    expected: always('sandboxed as gvisor'),
    run: site => create(site, 'gvisor', { annotations: { 'dev.gvisor.flag.debug': 'true' }, spec: SANDBOXED }),
  },
  ...mirrorAttacks(),
];

interface PodParts {
  readonly annotations?: Record<string, string>;
  readonly spec?: object;
}

async function create(site: Site, namespace: keyof typeof NAMESPACES, parts: PodParts = {}): Promise<string> {
  return await seeCreate(site, namespace, gatedPod('attack', parts));
}

function annotationAttacks(): readonly Attack[] {
  const unknown = [
    ['another case', 'GVisor'],
    ['a space before it', ' gvisor'],
    ['a line break after it', 'gvisor\n'],
    ['nothing', ''],
    ['an unknown profile', 'gviser'],
    ['another word for none', 'None'],
  ] as const;
  return [
    ...unknown.map(([what, value]) => ({
      what: `annotation with ${what}`,
      expected: refusedByBoth('UnknownProfile'),
      run: async (site: Site) => await create(site, 'gvisor', { annotations: { sandbox: value } }),
    })),
    {
      what: 'annotation `none`',
      expected: refusedByBoth('OptOutForbidden'),
      run: site => create(site, 'gvisor', { annotations: { sandbox: 'none' } }),
    },
    {
      what: 'annotation `none` where the namespace permits it',
      expected: always('not sandboxed'),
      run: site => create(site, 'optOut', { annotations: { sandbox: 'none' } }),
    },
    {
      what: 'annotation `Sandbox: none`, which is another key',
      expected: INJECTED_OR_REFUSED,
      run: site => create(site, 'gvisor', { annotations: { Sandbox: 'none' } }),
    },
    {
      what: 'annotation of a weaker profile',
      expected: refusedByBoth('ProfileForbidden'),
      run: site => create(site, 'strict', { annotations: { sandbox: 'gvisor' }, spec: SANDBOXED }),
    },
    {
      what: 'annotation of an alternative that the label permits',
      expected: { up: 'sandboxed as gvisor-strict', without: 'backstop: NotInjected' },
      run: site => create(site, 'gvisor', { annotations: { sandbox: 'strict' } }),
    },
  ];
}

function classAttacks(): readonly Attack[] {
  return [
    {
      what: 'a foreign RuntimeClass',
      expected: refusedByBoth('RuntimeClassConflict'),
      run: site => create(site, 'gvisor', { spec: { runtimeClassName: FOREIGN_CLASS } }),
    },
    {
      what: 'the RuntimeClass of a weaker profile',
      expected: refusedByBoth('ProfileForbidden'),
      run: site => create(site, 'strict', { spec: SANDBOXED }),
    },
    {
      what: 'annotation and RuntimeClass of different profiles',
      expected: refusedByBoth('RuntimeClassConflict'),
      run: site => create(site, 'gvisor', { annotations: { sandbox: 'strict' }, spec: SANDBOXED }),
    },
    {
      what: 'the RuntimeClass without the selector, which the RuntimeClass itself adds',
      expected: always('sandboxed as gvisor'),
      run: site => create(site, 'gvisor', { spec: { runtimeClassName: 'gvisor' } }),
    },
    {
      what: 'another value in the selector',
      expected: refusedByBoth('NodeSelectorConflict'),
      run: site => create(site, 'gvisor', { spec: { nodeSelector: { 'gvisor-injector/runsc': 'other' } } }),
    },
  ];
}

function mirrorAttacks(): readonly Attack[] {
  return [
    {
      what: 'the mirror of a static Pod, by its own kubelet',
      expected: always('not sandboxed'),
      run: async site => {
        const { name, uid } = site.node;
        const owner = { apiVersion: 'v1', kind: 'Node', name, uid, controller: true };
        const pod = {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'attack', annotations: MIRROR, ownerReferences: [owner] },
          spec: { nodeName: name, containers: [{ name: 'main', image: 'none' }] },
        };
        return await seeCreate(site, 'gvisor', pod, { username: `system:node:${name}`, groups: ['system:nodes'] });
      },
    },
    {
      what: 'an ordinary user with the mirror annotation',
      expected: INJECTED_OR_REFUSED,
      run: site => seeCreate(site, 'gvisor', mirrorOf(site), TENANT),
    },
    {
      what: "an administrator with the mirror annotation and a kubelet's group",
      expected: INJECTED_OR_REFUSED,
      run: site =>
        seeCreate(site, 'gvisor', mirrorOf(site), { username: 'admin', groups: ['system:masters', 'system:nodes'] }),
    },
  ];
}

function mirrorOf({ node }: Site): object {
  return gatedPod('attack', { annotations: MIRROR, spec: { nodeName: node.name, schedulingGates: [] } });
}
