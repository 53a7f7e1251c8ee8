import { systemErrorCode } from '../../errors/user-error.ts';
import { type Clock, sleep } from '../../kube/clock.ts';
import type { HostFiles } from '../host/host-files.ts';
import { NodeError } from '../node-error.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { type PodCgroup, readPodCgroup } from './pod-cgroup.ts';

/** How CRI has the sandbox of a proof. */
export interface SandboxView {
  /** The handler by which it was made. */
  readonly handler: string;
  /** Such as `io.containerd.runsc.v1`; empty when containerd does not know it. */
  readonly runtimeType: string;
}

/** What the host shows of a proof, while it runs. */
export interface HostView {
  /** Undefined: none was seen. */
  readonly sandbox: SandboxView | undefined;
  /** As it was when most memory was used; undefined: none was seen. */
  readonly cgroup: PodCgroup | undefined;
  /** Why the container runtime could not be asked; undefined when it could. */
  readonly trouble: string | undefined;
}

/** The Pod that is looked for. */
export interface ObservedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** What it is looked for with. */
export interface HostViewOptions {
  readonly files: HostFiles;
  readonly runtime: Pick<ContainerRuntime, 'sandboxes' | 'sandbox'>;
  readonly clock: Clock;
  /** Ends the observation. */
  readonly signal: AbortSignal;
}

const NOTHING: HostView = { sandbox: undefined, cgroup: undefined, trouble: undefined };
/** The program of a proof stays for seconds, and its cgroup goes with it. */
const POLL_MILLISECONDS = 300;

/** Looks at a Pod from the host until it is told to stop, and says what there was to see. */
export async function observePod(options: HostViewOptions, pod: ObservedPod): Promise<HostView> {
  const { clock, signal } = options;
  let view = NOTHING;
  while (!signal.aborted) {
    // One look after the other.
    // oxlint-disable-next-line no-await-in-loop
    view = merge(view, await look(options, pod, view));
    // oxlint-disable-next-line no-await-in-loop
    await sleep(clock, POLL_MILLISECONDS, signal).catch(() => undefined);
  }
  return view;
}

/** What was seen stays seen: a Pod that has ended is no longer as it was. */
function merge(before: HostView, now: HostView): HostView {
  const isMore = (now.cgroup?.memoryUsageBytes ?? -1) >= (before.cgroup?.memoryUsageBytes ?? -1);
  return {
    sandbox: now.sandbox ?? before.sandbox,
    cgroup: isMore ? now.cgroup : before.cgroup,
    trouble: now.sandbox === undefined && before.sandbox === undefined ? now.trouble : undefined,
  };
}

async function look({ files, runtime }: HostViewOptions, pod: ObservedPod, before: HostView): Promise<HostView> {
  const cgroup = await lastCgroup(files, pod.uid);
  if (before.sandbox !== undefined) return { ...NOTHING, cgroup };
  try {
    return { sandbox: await findSandbox(runtime, pod), cgroup, trouble: undefined };
  } catch (error) {
    if (error instanceof NodeError) return { ...NOTHING, cgroup, trouble: error.message };
    throw error;
  }
}

/** A group that is removed at this moment has files that cannot be read any more (ENODEV). */
async function lastCgroup(files: HostFiles, uid: string): Promise<PodCgroup | undefined> {
  try {
    return await readPodCgroup(files, uid);
  } catch (error) {
    if (systemErrorCode(error) === 'ENODEV') return undefined;
    throw error;
  }
}

async function findSandbox(
  runtime: HostViewOptions['runtime'],
  { namespace, name }: ObservedPod,
): Promise<SandboxView | undefined> {
  const sandboxes = await runtime.sandboxes();
  const found = sandboxes.find(sandbox => sandbox.namespace === namespace && sandbox.name === name && sandbox.ready);
  const details = found === undefined ? undefined : await runtime.sandbox(found.id);
  if (found === undefined || details === undefined || details.runtimeType === '') return undefined;
  return { handler: found.handler, runtimeType: details.runtimeType };
}
