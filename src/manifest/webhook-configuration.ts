import type { MutatingWebhookConfiguration } from '../kube/objects.ts';
import { admissionTargets, type Target } from '../policy/admission-path.ts';
import { auditKey, OPT_OUT_ALLOWED, optOutKey } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
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

function entryNotes(target: Target, index: number, { sandboxKey }: Policy): readonly Note[] {
  const failure = { path: ['webhooks', index, 'failurePolicy'], text: 'An audit never holds up a Pod.' };
  return [
    { path: ['webhooks', index], text: describe(target, sandboxKey) },
    ...(target.trigger === 'audit' ? [failure] : []),
  ];
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
