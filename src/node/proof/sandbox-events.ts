import * as v from 'valibot';
import type { KubeObject } from '../../kube/kube-object.ts';

const EventSchema = v.object({
  reason: v.optional(v.string(), ''),
  note: v.optional(v.string(), ''),
  deprecatedCount: v.optional(v.number(), 1),
  series: v.nullish(v.object({ count: v.number() })),
});

/** What kubelets report when CRI could not start a sandbox (kubernetes: pkg/kubelet/events). */
const SANDBOX_FAILED = 'FailedCreatePodSandBox';

/** A sandbox that the container runtime could not start, in its own words. */
export interface SandboxFailure {
  readonly message: string;
  /** How often it happened. */
  readonly count: number;
  /** Whose fault it is: gVisor's, or that of what must be there before gVisor is even asked. */
  readonly blame: 'gVisor' | 'network' | 'image' | 'runtime';
}

/** The failed sandboxes among the events of a Pod. */
export function sandboxFailures(events: readonly KubeObject[]): readonly SandboxFailure[] {
  return events.flatMap(({ content }) => {
    const result = v.safeParse(EventSchema, content);
    if (!result.success || result.output.reason !== SANDBOX_FAILED) return [];
    const { note, deprecatedCount, series } = result.output;
    return [{ message: note, count: series?.count ?? deprecatedCount, blame: blameOf(note) }];
  });
}

/**
 * What containerd says before it comes to gVisor (containerd: internal/cri/server/sandbox_run.go). Anything else is taken
 * for gVisor's: releases exist that boot alone, and fail as soon as a Pod has a network.
 */
const OTHERS: readonly (readonly [SandboxFailure['blame'], RegExp])[] = [
  [
    'network',
    /failed to (?:setup|set up|create) network|cni plugin not initialized|network is not ready|plugin type=/i,
  ],
  ['image', /sandbox image|failed to (?:pull|resolve) (?:and unpack )?(?:image|reference)|get image/i],
  [
    'runtime',
    /transport is closing|connection refused|error reading from server|code = (?:Unavailable|DeadlineExceeded)|context (?:deadline exceeded|canceled)|is reserved for|no space left on device/i,
  ],
];

function blameOf(message: string): SandboxFailure['blame'] {
  return OTHERS.find(([, pattern]) => pattern.test(message))?.[0] ?? 'gVisor';
}
