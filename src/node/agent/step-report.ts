import * as v from 'valibot';
import { DOUBT_CAUSES, FAILURE_CAUSES } from '../proof/verdict.ts';

/** The steps that the agent has a process of its own do, one at a time. */
export const STEPS = ['install', 'verify', 'prove', 'look', 'uninstall'] as const;

/** One of {@link STEPS}. `look` asks whether a removal would be refused. */
export type Step = (typeof STEPS)[number];

const TroubleSchema = v.object({
  /** `refused`: nothing was changed. `failed`: something went wrong, and was put back. */
  outcome: v.picklist(['refused', 'failed']),
  reason: v.pipe(v.string(), v.nonEmpty()),
  sentence: v.string(),
  hint: v.string(),
});

const WatchedFileSchema = v.object({
  /** A path of the host. */
  path: v.string(),
  /** What the file system says of it; undefined when nothing is there. */
  fingerprint: v.optional(v.string()),
  /** Whether a change of its attributes alone, with the same bytes, is none. */
  isText: v.boolean(),
});

const InstalledSchema = v.object({
  outcome: v.picklist(['installed', 'unchanged', 'adopted']),
  release: v.string(),
  /** Every handler that the policy wants; `adopted` ones were there before us. */
  handlers: v.array(v.object({ name: v.string(), adopted: v.boolean() })),
  files: v.array(WatchedFileSchema),
  /** How long the container runtime was away, in milliseconds; absent when it was not restarted. */
  pauseMilliseconds: v.optional(v.number()),
});

const VerifiedSchema = v.object({
  outcome: v.picklist(['sound', 'unsound']),
  /** What is not as it should be. */
  faults: v.array(v.object({ subject: v.string(), sentence: v.string() })),
});

const RemovedSchema = v.object({ outcome: v.picklist(['removed', 'absent']) });

const VerdictSchema = v.variant('result', [
  v.object({ result: v.literal('passed'), sentence: v.string() }),
  v.object({ result: v.literal('failed'), cause: v.picklist(FAILURE_CAUSES), sentence: v.string() }),
  v.object({ result: v.literal('inconclusive'), cause: v.picklist(DOUBT_CAUSES), sentence: v.string() }),
]);

const ProvedSchema = v.object({
  outcome: v.literal('proved'),
  verdicts: v.array(v.object({ handler: v.string(), verdict: VerdictSchema })),
  /** Requests to the API server, by verb and result. */
  calls: v.array(v.object({ verb: v.string(), result: v.string(), count: v.number() })),
});

/** What a step on the host was refused by, or failed by. */
export type Trouble = v.InferOutput<typeof TroubleSchema>;
/** A file that the agent looks at, since it is ours or has something of ours in it. */
export type WatchedFile = v.InferOutput<typeof WatchedFileSchema>;
/** An install that came to its end. */
export type InstalledReport = v.InferOutput<typeof InstalledSchema>;
/** A look whether the host is as it should be. */
export type VerifiedReport = v.InferOutput<typeof VerifiedSchema>;
/** Proofs, one a handler. */
export type ProvedReport = v.InferOutput<typeof ProvedSchema>;

const EndedSchema = v.variant('step', [
  v.object({ step: v.literal('install'), report: v.union([InstalledSchema, TroubleSchema]) }),
  v.object({ step: v.literal('verify'), report: v.union([VerifiedSchema, TroubleSchema]) }),
  v.object({ step: v.literal('prove'), report: v.union([ProvedSchema, TroubleSchema]) }),
  v.object({ step: v.literal('look'), report: v.union([v.object({ outcome: v.literal('clear') }), TroubleSchema]) }),
  v.object({ step: v.literal('uninstall'), report: v.union([RemovedSchema, TroubleSchema]) }),
]);

/** A step with its report. */
export type EndedStep = v.InferOutput<typeof EndedSchema>;

/** A report as the one line of JSON by which a process tells another. */
export function reportLine(ended: EndedStep): string {
  return `${JSON.stringify(ended)}\n`;
}

/** What a process wrote, read again; undefined when it is no report of this step. */
export function parseReportLine(step: Step, line: string): EndedStep | undefined {
  try {
    const result = v.safeParse(EndedSchema, JSON.parse(line));
    return result.success && result.output.step === step ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** True for a report of what went wrong. */
export function isTrouble(report: EndedStep['report']): report is Trouble {
  return report.outcome === 'refused' || report.outcome === 'failed';
}
