/**
 * Why the API server asked: the path carries what its own selectors matched, so that no namespace has to be read.
 * `enforce` and `audit` name the profile of the Namespace label; `pod` means that only the Pod's annotation asks.
 */
export type Target =
  | { readonly trigger: 'enforce'; readonly profile: string; readonly optOut: boolean }
  | { readonly trigger: 'audit'; readonly profile: string }
  | { readonly trigger: 'pod' };

/** First path segment after `/mutate`. */
export type Trigger = Target['trigger'];

/** Every trigger, in the order of the design's table. */
export const TRIGGERS = ['enforce', 'audit', 'pod'] as const satisfies readonly Trigger[];

const OPT_OUT_SEGMENT = 'opt-out';

/** The path of the webhook entry for a target, for example `/mutate/enforce/gvisor/opt-out`. */
export function admissionPath(target: Target): string {
  switch (target.trigger) {
    case 'enforce':
      return `/mutate/enforce/${target.profile}${target.optOut ? `/${OPT_OUT_SEGMENT}` : ''}`;
    case 'audit':
      return `/mutate/audit/${target.profile}`;
    case 'pod':
      return '/mutate/pod';
    default:
      return target satisfies never;
  }
}

/** Every target that a policy with these profiles has a path for. */
export function admissionTargets(profiles: readonly { readonly name: string }[]): readonly Target[] {
  const labelled = profiles.flatMap(({ name }): Target[] => [
    { trigger: 'enforce', profile: name, optOut: false },
    { trigger: 'enforce', profile: name, optOut: true },
    { trigger: 'audit', profile: name },
  ]);
  return [...labelled, { trigger: 'pod' }];
}

/** The profile of the Namespace label behind a target, or undefined where no label asks. */
export function labelledProfile(target: Target): string | undefined {
  return target.trigger === 'pod' ? undefined : target.profile;
}
