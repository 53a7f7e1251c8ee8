import type { Finding } from './finding.ts';
import { member } from './json.ts';
import { RUNTIME_FLAG_PREFIX } from './keys.ts';
import { findProfile, type Profile, profileOfRuntimeClass } from './policy.ts';
import { printable } from './printable.ts';
import type { Rule, SandboxFacts, Verdict } from './rule.ts';
import { list, quote } from './rule.ts';

/** Rows 7 to 13 of the precedence table: they judge the Pod by a profile. The first that matches decides; the last always does. */
export const SANDBOX_RULES: readonly Rule<SandboxFacts>[] = [
  { reason: 'RuntimeClassConflict', judge: judgeRuntimeClass },
  { reason: 'ProfileForbidden', judge: judgeAlternative },
  { reason: 'NodeSelectorConflict', judge: judgeNodeSelector },
  { reason: 'RuntimeFlagForbidden', judge: judgeRuntimeFlags },
  { reason: 'Incompatible', judge: judgeFindings },
  {
    reason: 'AlreadySandboxed',
    judge: ({ patch, profile }) =>
      patch.length === 0
        ? { outcome: 'allowed', message: `the Pod has all that profile ${quote(profile.name)} asks for` }
        : undefined,
  },
  {
    reason: 'Sandboxed',
    judge: ({ profile }) => ({ outcome: 'patched', message: `sandboxed by profile ${quote(profile.name)}` }),
  },
];

/** True when the profile's list lets a Pod carry this `dev.gvisor.` annotation. */
export function allowsAnnotation(profile: Profile, key: string): boolean {
  return profile.allowedAnnotations.some(allowed =>
    allowed.endsWith('*') ? key.startsWith(allowed.slice(0, -1)) : key === allowed,
  );
}

function judgeRuntimeClass({ policy, pod, profile, annotation }: SandboxFacts): Verdict | undefined {
  const name = pod.runtimeClassName;
  if (name === undefined) return undefined;
  const named = profileOfRuntimeClass(policy, name);
  if (named === undefined) {
    return {
      outcome: 'denied',
      message:
        `spec.runtimeClassName ${quote(name)} belongs to no sandbox profile, and profile ${quote(profile.name)} is asked for; ` +
        `remove the field, it becomes ${quote(profile.runtimeClassName)} by itself`,
    };
  }
  if (annotation === undefined || named.name === annotation) return undefined;
  return {
    outcome: 'denied',
    message:
      `annotation ${policy.sandboxKey}=${annotation} asks for profile ${quote(annotation)}, but spec.runtimeClassName ` +
      `${quote(name)} belongs to profile ${quote(named.name)}; keep one of the two`,
  };
}

function judgeAlternative({ policy, label, profile }: SandboxFacts): Verdict | undefined {
  if (label === undefined || profile.name === label) return undefined;
  const alternatives = findProfile(policy, label)?.alternatives ?? [];
  if (alternatives.includes(profile.name)) return undefined;
  return {
    outcome: 'denied',
    message:
      `profile ${quote(profile.name)} is not permitted in a namespace labelled ${policy.sandboxKey}=${label}; ` +
      `use ${list([label, ...alternatives])}, or ask an administrator to list it under alternatives of profile ${quote(label)}`,
  };
}

function judgeNodeSelector({ pod, profile }: SandboxFacts): Verdict | undefined {
  const { nodeSelector } = pod;
  if (nodeSelector === undefined) return undefined;
  const conflicts = Object.entries(profile.nodeSelector).flatMap(([key, wanted]) => {
    const found = member(nodeSelector, key);
    return found === undefined || found === wanted
      ? []
      : [`spec.nodeSelector["${key}"] is ${quote(found)}, but profile ${quote(profile.name)} needs ${quote(wanted)}`];
  });
  if (conflicts.length === 0) return undefined;
  return { outcome: 'denied', message: `${list(conflicts, '; ')}; remove it from the Pod, it is added by itself` };
}

function judgeRuntimeFlags({ pod, profile }: SandboxFacts): Verdict | undefined {
  const forbidden = Object.keys(pod.annotations ?? {}).filter(
    key => key.startsWith(RUNTIME_FLAG_PREFIX) && !allowsAnnotation(profile, key),
  );
  if (forbidden.length === 0) return undefined;
  const keys = list(forbidden.map(key => printable(key, 120)));
  return {
    outcome: 'denied',
    message:
      `annotations that change gVisor itself are not allowed by profile ${quote(profile.name)}: ${keys}; remove them, ` +
      'or ask an administrator to add them to allowedAnnotations of the profile',
  };
}

function judgeFindings({ policy, profile, findings, patch }: SandboxFacts): Verdict | undefined {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return undefined;
  const what = list(errors.map(describe), '; ');
  if (policy.incompatible === 'warn') {
    const outcome = patch.length === 0 ? 'allowed' : 'patched';
    return { outcome, message: `sandboxed by profile ${quote(profile.name)} although gVisor cannot run it: ${what}` };
  }
  return {
    outcome: 'denied',
    message: `gVisor cannot run this Pod: ${what}; change these fields, or run it where no sandbox is asked for`,
  };
}

/** A finding as a clause: its field, then what gVisor does with it. */
export function describe({ path, message }: Finding): string {
  return `${path}: ${message}`;
}
