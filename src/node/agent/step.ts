import { afterEvent } from './after-event.ts';
import type { AgentEvent, AgentState, Instant } from './agent-state.ts';
import { nextTask } from './next-task.ts';
import type { WantedMarks } from '../marks/plan-marks.ts';
import type { Step } from './step-report.ts';
import { wantedMarks } from './wanted-marks.ts';

/** What the agent is to do now. */
export interface Actions {
  /** A step to start; its end is an event. */
  readonly start: Step | undefined;
  /** How the node is to be marked; nothing is written when it is so already. */
  readonly mark: WantedMarks | undefined;
  /** When to look at the time again, in milliseconds of the agent's clock. */
  readonly wakeAt: number | undefined;
  /** Nothing runs any more, and nothing is to be started. */
  readonly end: boolean;
}

/** The agent, as a function: from what it knows and what happens to what it knows then and does. */
export function step(
  before: AgentState,
  event: AgentEvent,
  instant: Instant,
): { readonly state: AgentState; readonly actions: Actions } {
  const after = afterEvent(before, event, instant);
  const next = nextTask(after, instant.now);
  const state = next.step === undefined ? after : { ...after, task: next.step };
  const markAt = state.retries.mark.notBefore;
  const mayMark = !state.isStopping && markAt <= instant.now;
  const times = [next.wakeAt, ...(mayMark ? [] : [markAt])].filter(time => time !== undefined);
  return {
    state,
    actions: {
      start: next.step,
      mark: mayMark ? wantedMarks(state) : undefined,
      wakeAt: state.isStopping || times.length === 0 ? undefined : Math.min(...times),
      end: state.isStopping && state.task === undefined,
    },
  };
}
