import { labelledProfile } from './admission-path.ts';
import type { Decision, Question, Reason } from './decision.ts';
import type { Finding } from './finding.ts';
import { findAll } from './find-all.ts';
import { member } from './json.ts';
import { buildPatch } from './patch.ts';
import { findProfile, type Profile, profileOfRuntimeClass } from './policy.ts';
import { printable } from './printable.ts';
import { REQUEST_RULES } from './request-rules.ts';
import type { RequestFacts, Rule, SandboxFacts, Verdict } from './rule.ts';
import { describe, SANDBOX_RULES } from './sandbox-rules.ts';

/** Longest warning that clients show whole (kubernetes.io: admission-webhooks-good-practices). */
const WARNING_LENGTH = 120;

/** Beyond 4096 characters in total the API server cuts every warning (apiserver: pkg/endpoints/filters/warning.go). */
const MAXIMUM_WARNINGS = 20;

/**
 * Decides for one Pod: the first row of the precedence table that matches. Pure: the same question always gets the same
 * decision, and deciding again after the patch was applied adds nothing.
 *
 * @throws {RangeError} when the target names a profile that the policy does not have; the router never lets one through
 */
export function decide(question: Question): Decision {
  const facts = requestFacts(question);
  const early = firstMatch(REQUEST_RULES, facts);
  if (early !== undefined)
    return toDecision(early, { profile: namedProfile(facts, early.reason), findings: [], patch: [] });
  const sandboxFacts = judgedFacts(facts);
  const match = firstMatch(SANDBOX_RULES, sandboxFacts);
  if (match === undefined) throw new RangeError('the last row of the precedence table must match every Pod');
  return toDecision(match, { ...sandboxFacts, profile: sandboxFacts.profile.name });
}

type Match = Verdict & { readonly reason: Reason };

function firstMatch<Facts>(rules: readonly Rule<Facts>[], facts: Facts): Match | undefined {
  for (const { reason, judge } of rules) {
    const verdict = judge(facts);
    if (verdict !== undefined) return { ...verdict, reason };
  }
  return undefined;
}

function requestFacts(question: Question): RequestFacts {
  const { policy, pod, target } = question;
  const annotation = pod.annotations && member(pod.annotations, policy.sandboxKey);
  return {
    ...question,
    label: labelledProfile(target),
    annotation: typeof annotation === 'string' ? annotation : undefined,
  };
}

function judgedFacts(facts: RequestFacts): SandboxFacts {
  const profile = askedProfile(facts);
  return { ...facts, profile, findings: findAll(facts.pod), patch: buildPatch(facts.pod, profile) };
}

/** The profile that was asked for, for a decision that needs none. */
function namedProfile({ policy, annotation, label }: RequestFacts, reason: Reason): string | undefined {
  if (reason === 'UnknownProfile') return undefined;
  return annotation === undefined ? label : (findProfile(policy, annotation)?.name ?? label);
}

/** The annotation asks first, then a preset RuntimeClass that is a profile's, then the Namespace label. */
function askedProfile({ policy, pod, label, annotation }: RequestFacts): Profile {
  const preset = pod.runtimeClassName === undefined ? undefined : profileOfRuntimeClass(policy, pod.runtimeClassName);
  const name = annotation ?? preset?.name ?? label ?? '';
  const profile = findProfile(policy, name);
  if (profile === undefined || (label !== undefined && findProfile(policy, label) === undefined)) {
    throw new RangeError(`Cannot decide by profile '${label ?? name}', which the policy does not have`);
  }
  return profile;
}

interface Judged {
  readonly profile: string | undefined;
  readonly findings: readonly Finding[];
  readonly patch: Decision['patch'];
}

function toDecision({ outcome, reason, message, warnings = [] }: Match, judged: Judged): Decision {
  const { profile, findings } = judged;
  return {
    outcome,
    reason,
    message,
    profile,
    findings,
    warnings: toWarnings([...warnings, ...warnedFindings(reason, outcome, findings).map(describe)]),
    patch: outcome === 'patched' ? judged.patch : [],
  };
}

/** A denial for findings already names those of severity `error`. */
function warnedFindings(
  reason: Reason,
  outcome: Decision['outcome'],
  findings: readonly Finding[],
): readonly Finding[] {
  const alreadyNamed = reason === 'Incompatible' && outcome === 'denied';
  return alreadyNamed ? findings.filter(({ severity }) => severity !== 'error') : findings;
}

function toWarnings(texts: readonly string[]): readonly string[] {
  const rest = texts.length - MAXIMUM_WARNINGS;
  const shown =
    rest > 0 ? [...texts.slice(0, MAXIMUM_WARNINGS - 1), `and ${rest + 1} more findings, see check`] : texts;
  return shown.map(text => printable(text, WARNING_LENGTH));
}
