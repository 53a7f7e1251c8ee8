import { type Clock, sleep } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { RESOURCES } from '../../kube/resource.ts';
import { watchObjects } from '../../kube/watch.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { observePod } from './host-view.ts';
import { isSettled, judge } from './judge.ts';
import { type PodStatus, readPodStatus } from './pod-status.ts';
import { proofPod, type ProofRequest } from './proof-pod.ts';
import { doubtOfApi } from './refused-pod.ts';
import { type SandboxFailure, sandboxFailures } from './sandbox-events.ts';
import type { Verdict } from './verdict.ts';

/** What a proof is run with. */
export interface ProofOptions {
  readonly client: KubeClient;
  readonly files: HostFiles;
  readonly runtime: Pick<ContainerRuntime, 'sandboxes' | 'sandbox'>;
  /** As `uname -r` says on the host. */
  readonly hostKernel: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly times?: ProofTimes;
}

/** How long a proof waits, in seconds. */
export interface ProofTimes {
  /** For a Pod to come to its end. */
  readonly deadlineSeconds: number;
  /** For one that was left behind to go. */
  readonly sweepSeconds: number;
  /** Between two looks at the Pod's events, while it has not started. */
  readonly eventSeconds: number;
}

const TIMES: ProofTimes = { deadlineSeconds: 100, sweepSeconds: 30, eventSeconds: 10 };

/**
 * Proves that a handler starts sandboxes on this node: a Pod of ours runs in one, tells what it sees, and is looked at
 * from the host meanwhile. Removes the Pod, and one that an earlier run left behind.
 *
 * @throws the signal's reason; the Pod then stays for the next proof to remove
 */
export async function runProof(options: ProofOptions, request: ProofRequest): Promise<Verdict> {
  try {
    const pod = await createPod(options, request);
    try {
      return await followPod(options, request, pod);
    } finally {
      await removeQuietly(options, pod);
    }
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof KubeError) return doubtOfApi(error);
    throw error;
  }
}

async function createPod(options: ProofOptions, request: ProofRequest): Promise<KubeObject> {
  const { client } = options;
  const { namespace } = request;
  const pod = proofPod(request);
  const collection = { resource: RESOURCES.pods, namespace };
  try {
    return await client.create(collection, pod);
  } catch (error) {
    if (!(error instanceof KubeError) || error.failure !== 'AlreadyExists') throw error;
    await sweep(options, { ...collection, name: pod.metadata.name });
    return await client.create(collection, pod);
  }
}

interface PodTarget {
  readonly resource: typeof RESOURCES.pods;
  readonly namespace: string;
  readonly name: string;
}

/** Removes a Pod that has our name, and waits until it is gone, or for a while. */
async function sweep(options: ProofOptions, target: PodTarget): Promise<void> {
  const { client, clock, signal, times = TIMES } = options;
  const { uid } = await client.get(target);
  await client.remove(target, { uid });
  const gone = Promise.withResolvers<undefined>();
  const end = clock.schedule(times.sweepSeconds * 1000, () => gone.resolve(undefined));
  const controller = new AbortController();
  const isOld = (object: KubeObject): boolean => object.uid === uid;
  const watching = quietly(
    watchObjects({
      ...watchOf(options, target),
      handler: {
        listed: objects => objects.some(isOld) || gone.resolve(undefined),
        changed: () => undefined,
        removed: object => isOld(object) && gone.resolve(undefined),
      },
      signal: AbortSignal.any([signal, controller.signal]),
    }),
  );
  await Promise.race([gone.promise, watching]);
  end();
  controller.abort();
  await watching;
}

function watchOf({ client, clock, random }: ProofOptions, { resource, namespace, name }: PodTarget) {
  return { client, clock, random, collection: { resource, namespace }, fieldSelector: `metadata.name=${name}` };
}

/** What is known of the Pod while it is followed. */
interface Following {
  pod: PodStatus | undefined;
  failures: readonly SandboxFailure[];
  trouble: KubeError | undefined;
}

async function followPod(options: ProofOptions, request: ProofRequest, created: KubeObject): Promise<Verdict> {
  const { clock, signal, times = TIMES, files, runtime, hostKernel } = options;
  const { namespace, handler } = request;
  const known: Following = { pod: readPodStatus(created), failures: [], trouble: undefined };
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const end = clock.schedule(times.deadlineSeconds * 1000, () => over.abort());
  const watching = quietly(watchPod({ ...options, signal: both }, { namespace, created, known, over }));
  const asking = quietly(pollEvents({ ...options, signal: both }, { namespace, created, known, over }));
  // A fault of ours in either ends the proof, and comes to light below.
  for (const work of [watching, asking]) work.catch(() => over.abort());
  const { uid, name } = created;
  const seeing = observePod({ files, runtime, clock, signal: both }, { uid, namespace, name });
  const host = await seeing.finally(() => {
    end();
    over.abort();
  });
  await Promise.all([watching, asking]);
  signal.throwIfAborted();
  const { pod, failures, trouble } = known;
  if (trouble !== undefined && pod !== undefined && !isSettled({ pod, failures })) return doubtOfApi(trouble);
  return judge({ handler, pod, failures, host, hostKernel, seconds: times.deadlineSeconds });
}

interface FollowedPod {
  readonly namespace: string;
  readonly created: KubeObject;
  readonly known: Following;
  /** Aborted when there is nothing more to wait for. */
  readonly over: AbortController;
}

async function watchPod(options: ProofOptions, { namespace, created, known, over }: FollowedPod): Promise<never> {
  const { name, uid, resourceVersion } = created;
  const see = (object: KubeObject | undefined): void => {
    known.pod = object === undefined ? undefined : readPodStatus(object);
    known.trouble = undefined;
    if (known.pod === undefined || isSettled({ pod: known.pod, failures: known.failures })) over.abort();
  };
  return await watchObjects({
    ...watchOf(options, { resource: RESOURCES.pods, namespace, name }),
    resourceVersion,
    handler: {
      listed: objects => see(objects.find(object => object.uid === uid)),
      changed: object => object.uid === uid && see(object),
      // The last state of a Pod that was removed may have its end in it.
      removed: object => object.uid === uid && see(hasEnded(object) ? object : undefined),
      troubled: error => {
        known.trouble = error;
      },
    },
    signal: options.signal,
  });
}

function hasEnded(object: KubeObject): boolean {
  return readPodStatus(object)?.container.kind === 'terminated';
}

/** The kubelet's events, as the status of a Pod does not say why there is no sandbox. */
async function pollEvents(options: ProofOptions, { namespace, created, known, over }: FollowedPod): Promise<never> {
  const { client, clock, signal, times = TIMES } = options;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    await sleep(clock, times.eventSeconds * 1000, signal);
    const { pod } = known;
    if (pod === undefined || pod.container.kind === 'running') continue;
    try {
      const collection = { resource: RESOURCES.events, namespace };
      // oxlint-disable-next-line no-await-in-loop
      const { items } = await client.list(collection, { fieldSelector: `regarding.uid=${created.uid}` });
      known.failures = sandboxFailures(items);
    } catch (error) {
      // Who may not read events has the Pod's own word, and the deadline.
      if (!(error instanceof KubeError)) throw error;
    }
    if (isSettled({ pod, failures: known.failures })) over.abort();
  }
}

/** Waits for work that a signal ends. @throws what is no end by the signal */
async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
  }
}

/** The next proof of this handler removes what stays; the Pod ends by itself, and goes with its Node. */
async function removeQuietly({ client }: ProofOptions, { namespace, name, uid }: KubeObject): Promise<void> {
  try {
    await client.remove({ resource: RESOURCES.pods, ...(namespace !== undefined && { namespace }), name }, { uid });
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
  }
}
