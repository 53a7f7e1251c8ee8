import { isJsonObject } from '../../src/policy/json.ts';
import { WEBHOOK_CONFIGURATION_NAME } from '../../src/manifest/names.ts';
import type { ForeignWebhook } from './backstop-foreign-webhook.ts';
import { createAgain, expectDone, pathOf, type PlainObject, readObject, removeObject } from './backstop-objects.ts';
import { gatedPod, seeCreate, type Site } from './backstop-site.ts';
import { waitUntil } from './wait-until.ts';

/** What can be the matter with the webhook, in the order of the table's columns. */
export const WEBHOOK_STATES = ['up', 'down', 'deleted', 'wrong'] as const;

/** `down` does not answer, `deleted` has no configuration, `wrong` allows everything and patches nothing. */
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** The webhook under test, to be brought from one state into another. */
export interface WebhookControl {
  /** Runs something in a state, and brings the webhook up again. */
  readonly during: (state: WebhookState, run: () => Promise<void>) => Promise<void>;
}

/** How a webhook stops to answer, and how it starts again. */
export interface WebhookSwitch {
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
}

const IDENTITY: PlainObject = {
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: WEBHOOK_CONFIGURATION_NAME },
};

/** @param foreign what the API server asks in the state `wrong` */
export async function createWebhookControl(
  site: Site,
  webhook: WebhookSwitch,
  foreign: ForeignWebhook,
): Promise<WebhookControl> {
  const installed = await readObject(site.api, IDENTITY);
  const leave: Readonly<Record<WebhookState, () => Promise<void>>> = {
    up: async () => undefined,
    down: async () => await webhook.stop(),
    deleted: async () => await removeObject(site.api, IDENTITY),
    wrong: async () => await setEntries(site, redirected(installed, foreign)),
  };
  const comeBack: Readonly<Record<WebhookState, () => Promise<void>>> = {
    up: async () => undefined,
    down: async () => await webhook.start(),
    deleted: async () => await createAgain(site.api, installed),
    wrong: async () => await setEntries(site, installed['webhooks']),
  };
  return {
    during: async (state, run) => {
      const calls = foreign.calls();
      await leave[state]();
      try {
        await waitForPods(site, state === 'up' ? /^sandboxed/ : /^backstop: NotInjected/);
        if (state === 'wrong' && foreign.calls() === calls) throw new RangeError('the foreign webhook was not asked');
        await run();
      } finally {
        await comeBack[state]();
        await waitForPods(site, /^sandboxed/);
      }
    },
  };
}

async function setEntries({ api }: Site, webhooks: unknown): Promise<void> {
  expectDone(await api.call({ method: 'PATCH', path: pathOf(IDENTITY), body: { webhooks } }), 'the entries');
}

function redirected({ webhooks }: PlainObject, foreign: ForeignWebhook): readonly object[] {
  const entries: readonly unknown[] = Array.isArray(webhooks) ? webhooks : [];
  return entries.flatMap(entry =>
    isJsonObject(entry) ? [{ ...entry, clientConfig: foreign.clientConfig('/allow') }] : [],
  );
}

/** Until the API server has seen what was changed. */
async function waitForPods(site: Site, expected: RegExp): Promise<void> {
  await waitUntil({
    what: `Pods to be ${expected.source}`,
    seconds: 60,
    intervalMilliseconds: 100,
    check: async () => {
      const seen = await seeCreate(site, 'gvisor', gatedPod('probe'));
      return expected.test(seen) ? seen : undefined;
    },
  });
}
