import type { Clock } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { RESOURCES } from '../../kube/resource.ts';
import { watchObjects, type WatchHandler } from '../../kube/watch.ts';
import type { Log } from '../../record/log.ts';
import { readNodeView, type Wish } from '../marks/node-view.ts';
import { type AgentMetrics, isOnlyLooking } from './agent-metrics.ts';
import { type AgentEvent, type AgentState, initialState } from './agent-state.ts';
import type { DriftWatch } from './drift-watch.ts';
import { dueHandlers } from './next-task.ts';
import { NodeMarker } from './node-marker.ts';
import { step } from './step.ts';
import { type EndedStep, isTrouble, type Step } from './step-report.ts';

/** A step that is to be done. */
export interface StepRequest {
  readonly step: Step;
  /** The handlers to prove; empty for every other step. */
  readonly handlers: readonly string[];
  /** Of the Node. */
  readonly uid: string;
}

/** The agent's surroundings. */
export interface AgentOptions {
  readonly nodeName: string;
  /** What is wanted of a node that has no label of an admin's. */
  readonly unlabelled: Wish;
  /** The host's. */
  readonly bootId: string;
  readonly client: KubeClient;
  /** Has a step done. Its signal ends one that only looks. */
  readonly runStep: (request: StepRequest, signal: AbortSignal) => Promise<EndedStep>;
  readonly drift: DriftWatch;
  readonly clock: Clock;
  /** The time of day. */
  readonly date: () => Date;
  /** From 0 to 1. */
  readonly random: () => number;
  /** SIGTERM. */
  readonly signal: AbortSignal;
  readonly log: Pick<Log, 'info' | 'error'>;
  readonly metrics: AgentMetrics;
}

/** Looks at our files cost some system calls, and what is wrong there hurts only Pods that come later. */
const DRIFT_SECONDS = 30;

/** The node agent: what `step()` says, done. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #over = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  readonly #end = Promise.withResolvers<undefined>();
  readonly #looking = new AbortController();
  readonly #marker: NodeMarker;
  #state: AgentState;
  #cancelWake: () => void = () => undefined;
  #versionSeen = 0n;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#state = initialState(options.bootId);
    const see = (node: KubeObject): void => this.#see(node);
    this.#marker = new NodeMarker({ ...options, see, happen: event => this.#happen(event) });
  }

  /** Why it is not ready; undefined when it is. */
  notReadyReason(): string | undefined {
    if (this.#state.isStopping) return 'stopping';
    return this.#state.hasLooked ? undefined : 'the first look at the node is not done';
  }

  /** Runs until it is told to stop. @throws what is a fault of ours */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const stop = (): void => {
      this.#looking.abort();
      this.#happen({ kind: 'stop' });
    };
    signal.addEventListener('abort', stop, { once: true });
    const cancelDrift = this.#pollDrift();
    try {
      if (signal.aborted) stop();
      this.#watch();
      await Promise.race([this.#end.promise, this.#failure.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
      cancelDrift();
      this.#cancelWake();
      this.#over.abort();
    }
  }

  #happen(event: AgentEvent): void {
    const { clock, random } = this.#options;
    const now = clock.now();
    const { state, actions } = step(this.#state, event, { now, random: random() });
    this.#state = state;
    this.#cancelWake();
    this.#cancelWake =
      actions.wakeAt === undefined
        ? () => undefined
        : clock.schedule(Math.max(0, actions.wakeAt - now), () => this.#happen({ kind: 'timer' }));
    if (actions.start !== undefined) this.#guard(this.#start(actions.start));
    if (actions.end) this.#end.resolve(undefined);
    this.#guard(this.#marker.want(actions.mark, state.node));
  }

  /** What nobody awaits may fail by a fault of ours only, and then the agent ends by it. */
  #guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#failure.reject(error));
  }

  async #start(begun: Step): Promise<void> {
    const { runStep, clock, metrics, drift, log } = this.#options;
    const start = clock.now();
    const never = new AbortController().signal;
    const handlers = begun === 'prove' ? dueHandlers(this.#state) : [];
    const request = { step: begun, handlers, uid: this.#state.node?.uid ?? '' };
    const ended = await runStep(request, isOnlyLooking(begun) ? this.#looking.signal : never);
    const seconds = (clock.now() - start) / 1000;
    const isRepair = begun === 'install' && this.#state.suspicion?.isConfirmed === true;
    metrics.ended(ended, seconds);
    if (isRepair && !isTrouble(ended.report)) metrics.repaired();
    logEnd(log, ended, seconds);
    if (ended.step === 'install' && !isTrouble(ended.report)) drift.watch(ended.report.files);
    if (ended.step === 'uninstall') drift.watch([]);
    this.#happen({ kind: 'stepEnded', ended });
  }

  #watch(): void {
    const { client, nodeName, clock, random, log } = this.#options;
    const isOurs = ({ name }: KubeObject): boolean => name === nodeName;
    const handler: WatchHandler = {
      listed: objects => {
        const node = objects.find(isOurs);
        if (node === undefined) this.#gone();
        else this.#see(node, { isList: true });
      },
      changed: node => isOurs(node) && this.#see(node),
      removed: node => isOurs(node) && this.#gone(),
      // What the API server has forgotten is listed anew, which is no trouble.
      troubled: ({ message, failure }) =>
        failure === 'Gone' || log.error('apiTroubled', { detail: message, reason: failure }),
      recovered: () => {
        log.info('apiReachable', {});
        this.#happen({ kind: 'apiRecovered' });
      },
    };
    const { signal } = this.#over;
    const collection = { resource: RESOURCES.nodes };
    const fieldSelector = `metadata.name=${nodeName}`;
    const watching = watchObjects({ client, collection, fieldSelector, handler, clock, random, signal });
    this.#guard(watching.catch((error: unknown) => signal.aborted || Promise.reject(asError(error))));
  }

  #gone(): void {
    this.#options.log.info('nodeGone', {});
    this.#happen({ kind: 'nodeGone' });
  }

  /** An answer to a patch is newer than events that are still on their way; what it says must not be taken back by them. */
  #see(object: KubeObject, { isList = false }: { readonly isList?: boolean } = {}): void {
    const version = /^\d+$/.test(object.resourceVersion) ? BigInt(object.resourceVersion) : undefined;
    if (!isList && version !== undefined && version < this.#versionSeen) return;
    this.#versionSeen = version ?? 0n;
    const node = readNodeView(object, this.#options.unlabelled);
    if (node !== undefined) this.#happen({ kind: 'nodeSeen', node });
  }

  #pollDrift(): () => void {
    const { clock, drift, log } = this.#options;
    const poll = async (): Promise<void> => {
      // What a step of ours is changing is no drift.
      const { task, stage } = this.#state;
      const changes = stage.kind === 'present' && task === undefined ? await drift.poll() : [];
      for (const detail of changes) log.info('nodeDrift', { detail });
      if (changes.length > 0) this.#happen({ kind: 'driftFound', what: changes.join('; ') });
      cancel = again();
    };
    const again = (): (() => void) => clock.schedule(DRIFT_SECONDS * 1000, () => this.#guard(poll()));
    let cancel = again();
    return () => cancel();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function logEnd(log: AgentOptions['log'], { step: begun, report }: EndedStep, seconds: number): void {
  const rounded = Math.round(seconds * 10) / 10;
  if (isTrouble(report)) {
    const { outcome, reason, sentence } = report;
    log.error('nodeStepEnded', { step: begun, outcome, reason, detail: sentence, seconds: rounded });
    return;
  }
  log.info('nodeStepEnded', { step: begun, outcome: report.outcome, seconds: rounded });
  if (report.outcome !== 'proved') return;
  for (const { handler, verdict } of report.verdicts) {
    const reason = 'cause' in verdict ? { reason: verdict.cause } : {};
    log.info('nodeProved', { handler, outcome: verdict.result, ...reason, detail: verdict.sentence });
  }
}
