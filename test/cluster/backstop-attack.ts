import type { Seen } from './backstop-seen.ts';
import type { Site } from './backstop-site.ts';

/** One way to get a Pod past the sandbox, or to change one that is in it. Each is a dry run. */
export interface Attack {
  /** What is tried; a row of the page. */
  readonly what: string;
  /** What comes of it with the webhook up, and what without its patch: down, deleted or wrong. */
  readonly expected: { readonly up: Seen; readonly without: Seen };
  readonly run: (site: Site) => Promise<Seen>;
}

/** An attack that the backstop answers alone, or that nothing has to answer: the webhook makes no difference. */
export function always(seen: Seen): Attack['expected'] {
  return { up: seen, without: seen };
}

/** The webhook refuses, and without it the backstop does for the same reason. */
export function refusedByBoth(reason: string): Attack['expected'] {
  return { up: `webhook: ${reason}`, without: `backstop: ${reason}` };
}

/** The webhook sandboxes, and without it nothing passes. */
export const INJECTED_OR_REFUSED: Attack['expected'] = {
  up: 'sandboxed as gvisor',
  without: 'backstop: NotInjected',
};
