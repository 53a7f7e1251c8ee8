import type { HostView } from './host-view.ts';
import type { ExpectedLimits } from './pod-status.ts';
import type { Verdict } from './verdict.ts';

/**
 * What a Pod's cgroup has of its own, without a process in it, is far less; a sandbox with a program of ours is far more.
 * A runsc that was told the wrong driver puts its processes elsewhere, and then no limit holds (gvisor#9580).
 */
const LEAST_USAGE_BYTES = 4 * 1024 * 1024;
/** Kernels round a limit to pages, of 64 KiB at most. */
const PAGE_BYTES = 65_536;
/** A quota is counted in microseconds of a period. */
const PROCESSOR_TOLERANCE = 0.01;

/** What the host's view says against a proof; undefined when nothing does. */
export function judgeHost({ sandbox, cgroup, trouble }: HostView, limits: ExpectedLimits): Verdict | undefined {
  if (sandbox === undefined) {
    return unseen(trouble ?? 'CRI did not list its sandbox while it ran');
  }
  if (cgroup === undefined) return unseen('there was no cgroup of the Pod under /sys/fs/cgroup while it ran');
  const { path, memoryLimitBytes, memoryUsageBytes, processors } = cgroup;
  if (memoryUsageBytes < LEAST_USAGE_BYTES) {
    return unlimited(
      `the Pod's cgroup ${path} used ${memoryUsageBytes} bytes while the sandbox ran, which is therefore not in it`,
    );
  }
  if (memoryLimitBytes === undefined || Math.abs(memoryLimitBytes - limits.memoryBytes) > PAGE_BYTES) {
    const found = memoryLimitBytes === undefined ? 'no limit' : `a limit of ${memoryLimitBytes} bytes`;
    return unlimited(`the Pod's cgroup ${path} has ${found} of memory, not ${limits.memoryBytes} bytes`);
  }
  // Kubelets may be told to set no quota at all (cpuCFSQuota).
  if (processors !== undefined && Math.abs(processors - limits.processors) > PROCESSOR_TOLERANCE) {
    return unlimited(`the Pod's cgroup ${path} has a quota of ${processors} processors, not ${limits.processors}`);
  }
  return undefined;
}

function unseen(what: string): Verdict {
  return {
    result: 'inconclusive',
    cause: 'NoHostView',
    sentence: `the proof could not be looked at from the host: ${what}`,
  };
}

function unlimited(sentence: string): Verdict {
  return { result: 'failed', cause: 'LimitsNotEnforced', sentence };
}
