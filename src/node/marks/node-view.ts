import * as v from 'valibot';
import type { KubeObject } from '../../kube/kube-object.ts';
import { handlerLabel, HANDLER_READY, INSTALL_LABEL, NODE_CONDITION } from '../../policy/keys.ts';

const optionalText = v.optional(v.string(), '');

const NodeSchema = v.object({
  metadata: v.object({ labels: v.optional(v.record(v.string(), v.string()), {}) }),
  spec: v.optional(
    v.object({ taints: v.optional(v.array(v.looseObject({ key: v.string(), effect: v.string() })), []) }),
    {},
  ),
  status: v.optional(
    v.object({
      conditions: v.optional(
        v.array(v.object({ type: v.string(), status: v.string(), reason: optionalText, message: optionalText })),
        [],
      ),
      nodeInfo: v.optional(v.record(v.string(), v.unknown()), {}),
    }),
    {},
  ),
});

/** What an admin wants of a node. */
export type Wish = 'install' | 'remove' | 'none';

/** The condition as it is on the node. */
export interface SeenCondition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A taint as it is on the node. */
export interface SeenTaint {
  readonly key: string;
  readonly effect: string;
}

/** What the agent looks at of its Node. */
export interface NodeView {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly wish: Wish;
  /** Handlers whose label says that they were proved, sorted. */
  readonly labelled: readonly string[];
  readonly condition: SeenCondition | undefined;
  readonly taints: readonly SeenTaint[];
  /** Changes when something changes of which a refusal may depend: kernel, container runtime, boot, operating system. */
  readonly machine: string;
}

/** The parts of nodeInfo that say what machine it is; the kubelet's version is no business of gVisor's. */
const MACHINE_FACTS = ['bootID', 'kernelVersion', 'osImage', 'containerRuntimeVersion', 'architecture'] as const;

/**
 * Reads a Node; undefined when it is none.
 *
 * @param unlabelled what is wanted of a node that has no label of an admin's
 */
export function readNodeView(
  { name, uid, resourceVersion, content }: KubeObject,
  unlabelled: Wish = 'none',
): NodeView | undefined {
  const result = v.safeParse(NodeSchema, content);
  if (!result.success) return undefined;
  const { metadata, spec, status } = result.output;
  const condition = status.conditions?.find(({ type }) => type === NODE_CONDITION);
  const info = status.nodeInfo ?? {};
  return {
    name,
    uid,
    resourceVersion,
    wish: wishOf(metadata.labels[INSTALL_LABEL], unlabelled),
    labelled: labelledHandlers(metadata.labels),
    condition:
      condition === undefined
        ? undefined
        : { status: condition.status, reason: condition.reason ?? '', message: condition.message ?? '' },
    taints: spec.taints ?? [],
    machine: MACHINE_FACTS.map(fact => (typeof info[fact] === 'string' ? info[fact] : '')).join(' '),
  };
}

function wishOf(value: string | undefined, unlabelled: Wish): Wish {
  if (value === undefined) return unlabelled;
  if (value === 'true') return 'install';
  return value === 'false' ? 'remove' : 'none';
}

function labelledHandlers(labels: Readonly<Record<string, string>>): readonly string[] {
  const prefix = handlerLabel('');
  return Object.entries(labels)
    .filter(([key, value]) => key.startsWith(prefix) && key !== INSTALL_LABEL && value === HANDLER_READY)
    .map(([key]) => key.slice(prefix.length))
    .toSorted();
}
