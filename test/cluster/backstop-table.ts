import type { Test } from 'tap';
import type { Attack } from './backstop-attack.ts';
import { CHANGE_ATTACKS } from './backstop-change-attacks.ts';
import { CREATE_ATTACKS } from './backstop-create-attacks.ts';
import { type ForeignWebhook, laterConfiguration } from './backstop-foreign-webhook.ts';
import { LATER_ATTACKS, LATER_PATCHES } from './backstop-later-attacks.ts';
import { applyObject, removeObject } from './backstop-objects.ts';
import type { Seen } from './backstop-seen.ts';
import { gatedPod, NAMESPACES, SANDBOXED, seeCreate, type Site } from './backstop-site.ts';
import { waitUntil } from './wait-until.ts';
import { WEBHOOK_STATES, type WebhookControl, type WebhookState } from './backstop-webhook-states.ts';

/** A row of the table: what was seen in each state of the webhook. */
export interface TableRow {
  readonly what: string;
  readonly expected: Attack['expected'];
  readonly seen: Readonly<Record<WebhookState, Seen>>;
}

const ATTACKS = [...CREATE_ATTACKS, ...CHANGE_ATTACKS, ...LATER_ATTACKS];

/** Tries every attack in every state of the webhook. */
export async function checkAttacks(
  t: Test,
  options: { readonly site: Site; readonly webhook: WebhookControl; readonly foreign: ForeignWebhook },
): Promise<readonly TableRow[]> {
  const { site, webhook, foreign } = options;
  const later = laterConfiguration(foreign, LATER_PATCHES, [NAMESPACES.gvisor.name]);
  await applyObject(site.api, later);
  await waitForLater(site);
  const seen = new Map<string, Seen>();
  for (const state of WEBHOOK_STATES) {
    await webhook.during(state, async () => {
      for (const { what, expected, run } of ATTACKS) {
        const found = await run(site);
        seen.set(`${state} ${what}`, found);
        t.equal(found, state === 'up' ? expected.up : expected.without, `${what}, webhook ${state}`);
      }
    });
  }
  await removeObject(site.api, later);
  const seenIn = (state: WebhookState, what: string): Seen => seen.get(`${state} ${what}`) ?? '';
  return ATTACKS.map(({ what, expected }) => ({
    what,
    expected,
    seen: {
      up: seenIn('up', what),
      down: seenIn('down', what),
      deleted: seenIn('deleted', what),
      wrong: seenIn('wrong', what),
    },
  }));
}

async function waitForLater(site: Site): Promise<void> {
  await waitUntil({
    what: 'the later webhook to be asked',
    seconds: 20,
    check: async () => {
      const seen = await seeCreate(site, 'gvisor', gatedPod('class-removed', { spec: SANDBOXED }));
      return seen === 'backstop: NotInjected' ? seen : undefined;
    },
  });
}
