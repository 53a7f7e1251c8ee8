import * as v from 'valibot';
import { isJsonObject, type JsonObject } from '../policy/json.ts';
import { printable } from '../policy/printable.ts';
import { DECISION_MESSAGE, type DecisionRecord, DecisionRecordSchema, RECORD_VERSION } from './decision-record.ts';
import { LOG_MESSAGES } from './log-messages.ts';

/** What a line that is no readable decision can be. */
export const FOREIGN_KINDS = [
  /** Of our programs, but no decision. */
  'otherLogLine',
  /** Of other programs: a JSON object, or text. */
  'otherJson',
  'text',
  /** Begins like a JSON object and is none, such as a line that was cut. */
  'brokenJson',
  /** A decision that lacks a field, or has one of another type. */
  'incompleteRecord',
  /** A decision by a webhook whose fields have other meanings. */
  'otherRecordVersion',
  /** Longer than any record, and not looked at. */
  'tooLong',
] as const;

/** What a line that is no readable decision is. */
export type ForeignKind = (typeof FOREIGN_KINDS)[number];

/** What stands in one line of a log. */
export type LineReading =
  | { readonly kind: 'decision'; readonly decision: ReadDecision }
  | { readonly kind: 'foreign'; readonly foreign: ForeignKind }
  | { readonly kind: 'blank' };

/** Texts in a log need not come from our writer: they are made printable, and short enough to be kept by the thousand. */
const text = v.pipe(
  v.string(),
  v.transform(value => printable(value, 253)),
);

/**
 * The fields that a reader needs, with open sets of codes: a record of a newer webhook with another reason, finding
 * code or field still counts. Names come from the record's own schema, so that a renamed field does not compile.
 */
const ReadDecisionSchema = v.object({
  time: v.pipe(
    v.string(),
    v.transform(value => Date.parse(value)),
    v.finite(),
  ),
  requestUid: text,
  mode: text,
  namespace: text,
  name: v.exactOptional(text),
  generateName: v.exactOptional(text),
  ownerKind: v.exactOptional(text),
  ownerName: v.exactOptional(text),
  requester: text,
  dryRun: DecisionRecordSchema.entries.dryRun,
  outcome: text,
  reason: text,
  findings: v.array(v.object({ code: text })),
  findingsOmitted: DecisionRecordSchema.entries.findingsOmitted,
  durationMilliseconds: DecisionRecordSchema.entries.durationMilliseconds,
  policyDigest: text,
} satisfies { readonly [Field in keyof DecisionRecord]?: v.GenericSchema<unknown, unknown> });

/** A decision as `audit` reads it; `time` is in milliseconds since the epoch, every text is printable. */
export type ReadDecision = v.InferOutput<typeof ReadDecisionSchema>;

/** What `kubectl logs --prefix --timestamps` writes before a line: `[pod/NAME/CONTAINER] ` and an RFC 3339 time. */
const KUBECTL_PREFIX = /^\ufeff?(?:\[[^\]\s]+\] )?(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?/;

const OUR_MESSAGES: ReadonlySet<unknown> = new Set(Object.values(LOG_MESSAGES));

/**
 * Reads one line of a log, with or without the prefixes of `kubectl logs`. Nothing in a line is an error.
 *
 * @param line without its newline
 */
export function readLogLine(line: string): LineReading {
  const content = line.replace(KUBECTL_PREFIX, '').trim();
  if (content === '') return { kind: 'blank' };
  if (!content.startsWith('{')) return { kind: 'foreign', foreign: 'text' };
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return { kind: 'foreign', foreign: 'brokenJson' };
  }
  return isJsonObject(value) ? readObject(value) : { kind: 'foreign', foreign: 'otherJson' };
}

function readObject(object: JsonObject): LineReading {
  const message = object['message'];
  if (message !== DECISION_MESSAGE) {
    return { kind: 'foreign', foreign: OUR_MESSAGES.has(message) ? 'otherLogLine' : 'otherJson' };
  }
  if (object['recordVersion'] !== RECORD_VERSION) {
    return { kind: 'foreign', foreign: 'recordVersion' in object ? 'otherRecordVersion' : 'otherJson' };
  }
  const { success, output } = v.safeParse(ReadDecisionSchema, object, { abortEarly: true });
  return success ? { kind: 'decision', decision: output } : { kind: 'foreign', foreign: 'incompleteRecord' };
}
