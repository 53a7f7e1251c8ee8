import type { MutatingWebhookConfiguration } from '../kube/objects.ts';
import { admissionTargets, type Target } from '../policy/admission-path.ts';
import { auditKey, OPT_OUT_ALLOWED, optOutKey } from '../policy/keys.ts';
import type { FailurePolicy, Policy } from '../policy/policy.ts';
import type { Manifest, Note } from './manifest.ts';
import { COMMON_LABELS, WEBHOOK_CONFIGURATION_NAME } from './names.ts';
import { type EntryOptions, webhookEntries } from './webhook-entries.ts';

/** What the API server asks the webhook, and for which Pods. */
export function webhookConfigurationManifest(options: EntryOptions): Manifest<MutatingWebhookConfiguration> {
  const targets = admissionTargets(options.policy.profiles);
  return {
    file: 'mutating-webhook-configuration.yaml',
    comment:
      'Which Pods the API server asks about: at most one entry matches a Pod, and what matched is in the path.\n' +
      (options.caBundle === undefined
        ? 'Without caBundle no call succeeds: it comes from --ca-bundle, from cert-manager or from a patch.'
        : 'caBundle is what the API server trusts the serving certificate by.'),
    object: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: WEBHOOK_CONFIGURATION_NAME, labels: COMMON_LABELS },
      webhooks: webhookEntries(options),
    },
    notes: targets.flatMap((target, index) => entryNotes(target, index, options.policy)),
  };
}

function entryNotes(target: Target, index: number, { sandboxKey, admission }: Policy): readonly Note[] {
  const path = ['webhooks', index, 'failurePolicy'];
  const failure = target.trigger === 'audit' ? 'An audit never holds up a Pod.' : failureNote(admission.failurePolicy);
  return [
    { path: ['webhooks', index], text: describe(target, sandboxKey) },
    { path, text: failure },
  ];
}

function failureNote(failurePolicy: FailurePolicy): string {
  return failurePolicy === 'Ignore'
    ? 'Without an answer the backstop judges alone: it lets pass only what is sandboxed already.'
    : 'Without an answer no Pod is created, not even one that is sandboxed already.';
}

function describe(target: Target, sandboxKey: string): string {
  switch (target.trigger) {
    case 'enforce': {
      const optOut = `${optOutKey(sandboxKey)}=${OPT_OUT_ALLOWED}`;
      return `Namespace label ${sandboxKey}=${target.profile}, ${target.optOut ? 'with' : 'without'} ${optOut}.`;
    }
    case 'audit':
      return `Namespace label ${auditKey(sandboxKey)}=${target.profile}: decided and recorded, never changed.`;
    case 'pod':
      return 'Pods that ask by their annotation where no Namespace label does.';
    default:
      return target satisfies never;
  }
}
