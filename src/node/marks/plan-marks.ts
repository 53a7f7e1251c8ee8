import type { Event, NodeCondition } from '../../kube/objects.ts';
import type { Patch } from '../../kube/patch.ts';
import {
  handlerLabel,
  HANDLER_READY,
  INSTALL_LABEL,
  NODE_CONDITION,
  PRODUCT,
  STARTUP_TAINT,
} from '../../policy/keys.ts';
import { printable } from '../../policy/printable.ts';
import type { NodeView, SeenTaint } from './node-view.ts';
import type { LabelWish } from './standing.ts';

/** The condition as it is to be. */
export interface WantedCondition {
  readonly status: 'True' | 'False' | 'Unknown';
  /** A word in CamelCase. */
  readonly reason: string;
  /** A sentence, without a full stop. */
  readonly message: string;
  /** How an Event tells of it when it is news; `none` for a state that passes by itself. */
  readonly event: 'Normal' | 'Warning' | 'none';
}

/** How the node is to be marked. */
export interface WantedMarks {
  /** Undefined: as it is. */
  readonly condition: WantedCondition | undefined;
  /** By handler; one that is not there is left alone. */
  readonly labels: Readonly<Record<string, LabelWish>>;
  /** The startup taint may go. */
  readonly liftTaint: boolean;
}

/** What has to be written, each undefined when nothing has. */
export interface MarkPlan {
  /** For `nodes/status`. */
  readonly status: Patch | undefined;
  /** For `nodes`: labels and taint together, so that no Pod finds the one without the other. */
  readonly metadata: Patch | undefined;
  readonly event: Event | undefined;
}

/** Longest message of a condition; Events have 1,024 characters for it. */
const MESSAGE_LENGTH = 1000;

/**
 * What has to be written so that the node is marked as wanted; nothing when it is. The heartbeat of the condition is
 * renewed by a write only, as it would cost a call every few minutes otherwise: it says when the sentence was written.
 *
 * @param date the time of day
 */
export function planMarks(node: NodeView, wanted: WantedMarks, date: Date): MarkPlan {
  const condition = wanted.condition === undefined ? undefined : printableCondition(wanted.condition);
  const isNews =
    condition !== undefined &&
    (condition.status !== node.condition?.status || condition.reason !== node.condition.reason);
  const isSame = !isNews && (condition === undefined || condition.message === node.condition?.message);
  return {
    status: condition === undefined || isSame ? undefined : statusPatch(node, condition, date),
    metadata: metadataPatch(node, wanted),
    event: condition !== undefined && isNews && condition.event !== 'none' ? eventOf(node, condition, date) : undefined,
  };
}

function printableCondition(condition: WantedCondition): WantedCondition {
  return { ...condition, message: printable(condition.message, MESSAGE_LENGTH) };
}

/** Conditions are a list with a key, so a strategic patch touches ours alone. */
function statusPatch(node: NodeView, { status, reason, message }: WantedCondition, date: Date): Patch {
  const time = secondsOf(date);
  const transition = status === node.condition?.status ? {} : { lastTransitionTime: time };
  const condition: NodeCondition = {
    type: NODE_CONDITION,
    status,
    reason,
    message,
    lastHeartbeatTime: time,
    ...transition,
  };
  return { kind: 'strategic', content: { status: { conditions: [condition] } } };
}

function metadataPatch(node: NodeView, { labels, liftTaint }: WantedMarks): Patch | undefined {
  const changes = Object.entries(labels).flatMap(([handler, wish]) => {
    const isThere = node.labelled.includes(handler);
    const key = handlerLabel(handler);
    if (wish === 'leave' || (wish === 'present') === isThere || key === INSTALL_LABEL) return [];
    return [{ key, value: wish === 'present' ? HANDLER_READY : null }];
  });
  const taint = liftTaint ? node.taints.findIndex(({ key }) => key === STARTUP_TAINT) : -1;
  const seen = node.taints[taint];
  if (seen !== undefined) return withoutTaint({ changes, taint, seen });
  if (changes.length === 0) return undefined;
  // No precondition: nobody else writes these, and what others write meanwhile stays.
  return {
    kind: 'merge',
    content: { metadata: { labels: Object.fromEntries(changes.map(({ key, value }) => [key, value])) } },
  };
}

interface LabelChange {
  readonly key: string;
  readonly value: string | null;
}

/** Taints are a list without a key, of which every patch replaces the whole; so ours goes by its place, and only if it is there. */
function withoutTaint({
  changes,
  taint,
  seen,
}: {
  changes: readonly LabelChange[];
  taint: number;
  seen: SeenTaint;
}): Patch {
  const path = `/spec/taints/${taint}`;
  const labels = changes.map(({ key, value }) => {
    const label = `/metadata/labels/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return value === null ? ({ op: 'remove', path: label } as const) : ({ op: 'add', path: label, value } as const);
  });
  return { kind: 'json', operations: [...labels, { op: 'test', path, value: seen }, { op: 'remove', path }] };
}

/** Events of a Node are in the namespace `default`, as kubelets have it. */
export const EVENT_NAMESPACE = 'default';
/** Names have 253 characters. */
const LONGEST_NODE_NAME = 220;

function eventOf({ name, uid }: NodeView, { event, reason, message }: WantedCondition, date: Date): Event {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // A name of its own for each: whoever sends it twice finds that it is there.
    metadata: {
      name: `${name.slice(0, LONGEST_NODE_NAME).replace(/[-.]+$/, '')}.gvisor-${date.getTime().toString(16)}`,
      namespace: EVENT_NAMESPACE,
    },
    eventTime: date.toISOString().replace('Z', '000Z'),
    reportingController: `${PRODUCT}/node`,
    reportingInstance: name.slice(0, 128),
    action: 'Mark',
    type: event,
    reason,
    note: message,
    regarding: { apiVersion: 'v1', kind: 'Node', name, uid },
  };
}

/** Times of conditions have no fraction. */
function secondsOf(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
