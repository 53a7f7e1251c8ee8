import * as v from 'valibot';
import type { KubeObject } from '../../kube/kube-object.ts';
import { quantityOf } from './quantity.ts';

const text = v.optional(v.string(), '');

const StateSchema = v.object({
  waiting: v.optional(v.object({ reason: text, message: text })),
  running: v.optional(v.looseObject({})),
  terminated: v.optional(v.object({ exitCode: v.number(), reason: text, message: text })),
});

const quantities = v.optional(v.object({ cpu: v.optional(v.unknown()), memory: v.optional(v.unknown()) }), {});

const PodSchema = v.object({
  metadata: v.object({ deletionTimestamp: v.optional(v.string()) }),
  spec: v.object({
    overhead: quantities,
    containers: v.pipe(
      v.array(v.object({ resources: v.optional(v.object({ limits: quantities }), { limits: {} }) })),
      v.minLength(1),
    ),
  }),
  status: v.optional(
    v.object({
      phase: text,
      reason: text,
      message: text,
      containerStatuses: v.optional(v.array(v.object({ state: v.optional(StateSchema, {}) })), []),
    }),
    {},
  ),
});

/** Where the container of a proof stands, as the kubelet says. */
export type ContainerState =
  | { readonly kind: 'none' | 'running' }
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'terminated'; readonly exitCode: number; readonly reason: string; readonly message: string };

/** What the cgroup of the Pod has to show on the host, the overhead included. */
export interface ExpectedLimits {
  readonly memoryBytes: number;
  readonly processors: number;
}

/** What a proof needs to know of its Pod. */
export interface PodStatus {
  /** `Pending`, `Running`, `Succeeded`, `Failed`. */
  readonly phase: string;
  /** Of the Pod, such as `Evicted`, `OutOfcpu`, `DeadlineExceeded`; mostly empty. */
  readonly reason: string;
  readonly message: string;
  readonly container: ContainerState;
  /** Somebody is removing it. */
  readonly isLeaving: boolean;
  readonly limits: ExpectedLimits;
}

/** The status of a Pod; undefined when it is no Pod with a container. */
export function readPodStatus({ content }: KubeObject): PodStatus | undefined {
  const result = v.safeParse(PodSchema, content);
  if (!result.success) return undefined;
  const { metadata, spec, status } = result.output;
  const [container] = status.containerStatuses ?? [];
  return {
    phase: status.phase ?? '',
    reason: status.reason ?? '',
    message: status.message ?? '',
    container: stateOf(container?.state ?? {}),
    isLeaving: metadata.deletionTimestamp !== undefined,
    limits: limitsOf(spec),
  };
}

function stateOf({ waiting, running, terminated }: v.InferOutput<typeof StateSchema>): ContainerState {
  if (terminated !== undefined) return { kind: 'terminated', ...terminated };
  if (running !== undefined) return { kind: 'running' };
  return waiting === undefined ? { kind: 'none' } : { kind: 'waiting', ...waiting };
}

/** As the kubelet counts for the Pod's cgroup (kubernetes: pkg/kubelet/cm/helpers_linux.go ResourceConfigForPod). */
function limitsOf({ overhead, containers }: v.InferOutput<typeof PodSchema>['spec']): ExpectedLimits {
  const limits = containers.map(({ resources }) => resources.limits);
  const sum = (resource: 'cpu' | 'memory'): number =>
    [...limits, overhead].reduce((total, amounts) => total + (quantityOf(amounts[resource]) ?? 0), 0);
  return { memoryBytes: sum('memory'), processors: sum('cpu') };
}
