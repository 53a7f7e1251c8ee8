import type { KubeClient } from '../../kube/kube-client.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { RESOURCES } from '../../kube/resource.ts';
import type { Log } from '../../record/log.ts';
import type { NodeView } from '../marks/node-view.ts';
import { EVENT_NAMESPACE, type MarkPlan, planMarks, type WantedMarks } from '../marks/plan-marks.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { AgentEvent } from './agent-state.ts';

/** The surroundings of a marker. */
export interface MarkerOptions {
  readonly nodeName: string;
  readonly client: Pick<KubeClient, 'patch' | 'create'>;
  /** The time of day. */
  readonly date: () => Date;
  readonly log: Pick<Log, 'info' | 'error'>;
  readonly metrics: Pick<AgentMetrics, 'setCondition'>;
  /** Told of the Node as the API server has it after each write. */
  readonly see: (node: KubeObject) => void;
  /** Told what became of the writes. */
  readonly happen: (event: AgentEvent) => void;
}

/** Writes condition, label, taint and Event of the Node, one after the other, until it is marked as wanted. */
export class NodeMarker {
  readonly #options: MarkerOptions;
  #wanted: WantedMarks | undefined;
  #node: NodeView | undefined;
  #isBusy = false;

  constructor(options: MarkerOptions) {
    this.#options = options;
  }

  /**
   * How the node is to be marked from now on, and how it is. Settles when there is nothing more to write for now.
   *
   * @throws what is a fault of ours
   */
  async want(wanted: WantedMarks | undefined, node: NodeView | undefined): Promise<void> {
    this.#wanted = wanted;
    this.#node = node;
    if (wanted?.condition !== undefined) {
      this.#options.metrics.setCondition(wanted.condition.status, wanted.condition.reason);
    }
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      await this.#writeAll();
    } finally {
      this.#isBusy = false;
    }
  }

  async #writeAll(): Promise<void> {
    for (let written = ''; ; ) {
      const plan = this.#plan();
      if (plan === undefined) return;
      const content = JSON.stringify([plan.metadata, this.#wanted?.condition]);
      if (content === written) {
        this.#fail('the API server took what was written, and the Node is not as it was written');
        return;
      }
      written = content;
      // Each write is planned from the Node that the one before left.
      // oxlint-disable-next-line no-await-in-loop
      if (!(await this.#write(plan))) return;
    }
  }

  #plan(): MarkPlan | undefined {
    if (this.#wanted === undefined || this.#node === undefined) return undefined;
    const plan = planMarks(this.#node, this.#wanted, this.#options.date());
    return plan.status === undefined && plan.metadata === undefined ? undefined : plan;
  }

  async #write({ status, metadata, event }: MarkPlan): Promise<boolean> {
    const { client, nodeName, log, see, happen } = this.#options;
    const node = { resource: RESOURCES.nodes, name: nodeName };
    const condition = this.#wanted?.condition;
    try {
      if (status !== undefined) see(await client.patch({ ...node, subresource: 'status' }, status));
      if (metadata !== undefined) see(await client.patch(node, metadata));
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      this.#fail(error.message, error.failure);
      return false;
    }
    if (status !== undefined && condition !== undefined) {
      log.info('nodeMarked', { condition: condition.status, reason: condition.reason, detail: condition.message });
    }
    if (event !== undefined) await this.#tell(event);
    happen({ kind: 'marked' });
    return true;
  }

  /** An Event is worth no second try: the condition says the same. */
  async #tell(event: NonNullable<MarkPlan['event']>): Promise<void> {
    try {
      await this.#options.client.create({ resource: RESOURCES.events, namespace: EVENT_NAMESPACE }, event);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
    }
  }

  #fail(detail: string, reason = ''): void {
    this.#options.log.error('nodeMarkFailed', { detail, ...(reason !== '' && { reason }) });
    this.#options.happen({ kind: 'markFailed' });
  }
}
