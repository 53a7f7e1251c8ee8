import * as v from 'valibot';
import {
  DEFAULT_HANDLER,
  DEFAULT_SANDBOX_KEY,
  HANDLER_READY,
  handlerLabel,
  ownNamespaces,
  SYSTEM_NAMESPACE,
} from './keys.ts';
import type { PolicyFault } from './policy-fault.ts';
import type { Policy, Profile } from './policy.ts';
import { relationFaults } from './relations.ts';
import { type ParsedPolicy, type ParsedProfile, PolicySchema } from './schema.ts';

/** A policy, or all that is wrong with the document; there is at least one fault then. */
export type PolicyResult =
  | { readonly policy: Policy; readonly faults?: undefined }
  | { readonly policy?: undefined; readonly faults: readonly PolicyFault[] };

/**
 * The only way from a parsed document to a policy: checks all of it, reports every fault at once, fills in defaults.
 *
 * @param document the parsed YAML or JSON of a policy file
 * @param namespace the namespace of the webhook; it and its companions are exempt
 */
export function validatePolicy(document: unknown, namespace: string): PolicyResult {
  const result = v.safeParse(PolicySchema, document);
  const faults = [...(result.issues ?? []).map(toFault), ...relationFaults(document)];
  return result.success && faults.length === 0 ? { policy: complete(result.output, namespace) } : { faults };
}

function toFault(issue: v.BaseIssue<unknown>): PolicyFault {
  const path = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
  return { path, atKey: issue.type === 'raw_check', message: issue.message };
}

/**
 * `RuntimeClass.overhead.podFixed` of a profile that names none: an idle sandbox was measured to use 21 MiB and up to
 * half a millicore, where the same Pod under runc uses 0.5 MiB and none (docs/api-server-behaviour.md). The cluster tests
 * measure it again and hold this to it.
 */
export const DEFAULT_OVERHEAD = { cpu: '10m', memory: '32Mi' } as const;

function complete(parsed: ParsedPolicy, namespace: string): Policy {
  const sandboxKey = parsed.sandboxKey ?? DEFAULT_SANDBOX_KEY;
  const [first, ...others] = parsed.profiles.map(profile => completeProfile(profile, sandboxKey));
  if (first === undefined) throw new RangeError('the schema asks for at least one profile');
  return {
    sandboxKey,
    incompatible: parsed.incompatible ?? 'deny',
    exemptNamespaces: [...new Set([SYSTEM_NAMESPACE, ...ownNamespaces(namespace), ...(parsed.exemptNamespaces ?? [])])],
    admission: {
      timeoutSeconds: parsed.admission?.timeoutSeconds ?? 5,
      failurePolicy: parsed.admission?.failurePolicy ?? 'Ignore',
    },
    profiles: [first, ...others],
  };
}

function completeProfile(parsed: ParsedProfile, sandboxKey: string): Profile {
  const handler = parsed.handler ?? DEFAULT_HANDLER;
  return {
    name: parsed.name,
    runtimeClassName: parsed.runtimeClassName ?? parsed.name,
    handler,
    nodeSelector: parsed.nodeSelector ?? { [handlerLabel(handler)]: HANDLER_READY },
    tolerations: parsed.tolerations ?? [
      { key: sandboxKey, operator: 'Equal', value: parsed.name, effect: 'NoSchedule' },
    ],
    overhead: parsed.overhead ?? DEFAULT_OVERHEAD,
    runscFlags: parsed.runscFlags ?? {},
    allowedAnnotations: parsed.allowedAnnotations ?? [],
    alternatives: parsed.alternatives ?? [],
  };
}
