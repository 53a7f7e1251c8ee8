import type { LabelSelector, MutatingWebhook } from '../kube/objects.ts';
import { admissionPath, admissionTargets, type Target } from '../policy/admission-path.ts';
import { auditKey, OPT_OUT_ALLOWED, optOutKey, PRODUCT } from '../policy/keys.ts';
import type { FailurePolicy, Policy } from '../policy/policy.ts';
import { literal } from './backstop-cel.ts';
import { SERVICE_NAME, SERVICE_PORT } from './names.ts';

/** Set by the API server on every Namespace, and nobody can change it, unlike a label of ours. */
const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** What an entry needs beside its target. */
export interface EntryOptions {
  readonly policy: Policy;
  readonly namespace: string;
  readonly caBundle?: string;
}

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

/** Every entry of the MutatingWebhookConfiguration, in the order of the design's table. At most one matches a Pod. */
export function webhookEntries(options: EntryOptions): readonly MutatingWebhook[] {
  return admissionTargets(options.policy.profiles).map(target => webhookEntry(target, options));
}

/** The name of a target's entry: a qualified name, unique in the configuration, and a prefix of audit annotations. */
export function entryName(target: Target): string {
  const suffix = `${PRODUCT}.svc`;
  switch (target.trigger) {
    case 'enforce':
      return `${target.optOut ? 'enforce-opt-out' : 'enforce'}.${target.profile}.${suffix}`;
    case 'audit':
      return `audit.${target.profile}.${suffix}`;
    case 'pod':
      return `pod.${suffix}`;
    default:
      return target satisfies never;
  }
}

function webhookEntry(target: Target, { policy, namespace, caBundle }: EntryOptions): MutatingWebhook {
  const matchConditions = conditionsOf(target, policy);
  return {
    name: entryName(target),
    admissionReviewVersions: ['v1'],
    clientConfig: {
      service: { name: SERVICE_NAME, namespace, port: SERVICE_PORT, path: admissionPath(target) },
      ...(caBundle === undefined ? {} : { caBundle: Buffer.from(caBundle).toString('base64') }),
    },
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' }],
    namespaceSelector: { matchExpressions: [...requirementsOf(target, policy), exemption(policy)] },
    ...(matchConditions.length === 0 ? {} : { matchConditions }),
    failurePolicy: failurePolicyOf(target, policy),
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'Never',
    sideEffects: 'None',
    timeoutSeconds: policy.admission.timeoutSeconds,
  };
}

/** `NotIn` also matches where the label is absent (apimachinery: pkg/labels/selector.go). */
function requirementsOf(target: Target, policy: Policy): readonly Requirement[] {
  const { sandboxKey, profiles } = policy;
  const noProfileLabel = { key: sandboxKey, operator: 'NotIn', values: profiles.map(({ name }) => name) };
  switch (target.trigger) {
    case 'enforce':
      return [
        { key: sandboxKey, operator: 'In', values: [target.profile] },
        { key: optOutKey(sandboxKey), operator: target.optOut ? 'In' : 'NotIn', values: [OPT_OUT_ALLOWED] },
      ];
    case 'audit':
      return [{ key: auditKey(sandboxKey), operator: 'In', values: [target.profile] }, noProfileLabel];
    case 'pod':
      return [noProfileLabel];
    default:
      return target satisfies never;
  }
}

/** The requirement that leaves out the namespaces in which nothing is ever decided. */
export function exemption({ exemptNamespaces }: Policy): Requirement {
  return { key: NAMESPACE_NAME_LABEL, operator: 'NotIn', values: [...exemptNamespaces] };
}

/**
 * True, in CEL, when the object has the annotation. An error in a condition counts as a failed call, so every access is
 * guarded: annotations may be absent.
 */
export function carriesAnnotation(key: string): string {
  return `has(object.metadata) && has(object.metadata.annotations) && ${literal(key)} in object.metadata.annotations`;
}

function conditionsOf(target: Target, { sandboxKey }: Policy): NonNullable<MutatingWebhook['matchConditions']> {
  const isAnnotated = carriesAnnotation(sandboxKey);
  switch (target.trigger) {
    case 'enforce':
      return [];
    case 'audit':
      return [{ name: 'pod-is-not-annotated', expression: `!(${isAnnotated})` }];
    case 'pod':
      return [{ name: 'pod-is-annotated', expression: isAnnotated }];
    default:
      return target satisfies never;
  }
}

/** An audit must never hold up a Pod. */
function failurePolicyOf(target: Target, policy: Policy): FailurePolicy {
  return target.trigger === 'audit' ? 'Ignore' : policy.admission.failurePolicy;
}
