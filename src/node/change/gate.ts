import type { Refusal } from '../reason.ts';
import type { ContainerRuntime, RuntimeStatus } from '../runtime/container-runtime.ts';

/** What must hold after a restart. */
export interface GateExpectation {
  /** Handlers that must be loaded. */
  readonly handlers: readonly string[];
  /** Conditions before the change, by type: those that held must hold again. */
  readonly conditions: Readonly<Record<string, boolean>>;
}

/** The clock of everything that waits here. */
export interface Clock {
  /** Milliseconds since any fixed instant; never goes back. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** The gate's surroundings. */
export interface GateOptions {
  readonly clock: Clock;
  readonly deadlineSeconds: number;
}

const POLL_MILLISECONDS = 100;
const JUDGED_CONDITIONS: readonly string[] = ['RuntimeReady', 'NetworkReady'];

/**
 * Asks the container runtime until everything holds that is expected, or the deadline has passed. An active unit says
 * little: CRI may not have loaded, and then only CRI itself says so.
 *
 * @returns undefined when it holds, else the last thing that did not
 */
export async function passGate(
  runtime: ContainerRuntime,
  expectation: GateExpectation,
  { clock, deadlineSeconds }: GateOptions,
): Promise<string | undefined> {
  const end = clock.now() + deadlineSeconds * 1000;
  for (;;) {
    const missing = await ask(runtime, expectation);
    if (missing === undefined) return undefined;
    if (clock.now() >= end) return missing;
    await clock.sleep(POLL_MILLISECONDS);
  }
}

async function ask(runtime: ContainerRuntime, expectation: GateExpectation): Promise<string | undefined> {
  try {
    return judgeStatus(await runtime.status(), expectation);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What a status lacks of an expectation, in words; undefined when nothing. */
export function judgeStatus({ handlers, conditions }: RuntimeStatus, expectation: GateExpectation): string | undefined {
  const missing = expectation.handlers.find(name => !handlers.includes(name));
  if (missing !== undefined) return `the container runtime has not loaded handler '${missing}'`;
  for (const [type, held] of Object.entries(expectation.conditions)) {
    const now = conditions.find(condition => condition.type === type);
    if (held && now?.status !== true) {
      return `condition ${type} of the container runtime held before, and now is ${now === undefined ? 'absent' : `false (${now.reason}: ${now.message})`}`;
    }
  }
  return undefined;
}

/**
 * The conditions of a status as a gate expects them: those that CRI defines (cri-api: pkg/apis/constants.go). Others are
 * containerd's advice, such as that it found deprecated settings, and come and go by themselves.
 */
export function conditionsOf({ conditions }: RuntimeStatus): Readonly<Record<string, boolean>> {
  const judged = conditions.filter(({ type }) => JUDGED_CONDITIONS.includes(type));
  return Object.fromEntries(judged.map(({ type, status }) => [type, status]));
}

/** Why the gate did not open. */
export interface GateFault {
  readonly reason: 'RestartFailed' | 'RuntimeNotLoaded';
  readonly what: string;
}

/** The last word when the gate did not open. @param rest what became of it, such as `the former configuration is back` */
export function gateRefusal({ reason, what }: GateFault, unit: string, rest: string): Refusal {
  return {
    reason,
    sentence: `after the restart of ${unit}, ${what}; ${rest}`,
    hint: `'journalctl -u ${unit}' says why; this configuration is not tried again unless --retry is given`,
  };
}
