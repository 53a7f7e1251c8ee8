import type { Test } from 'tap';
import { WEBHOOK_CONFIGURATION_NAME } from '../../src/manifest/names.ts';
import { isJsonObject } from '../../src/policy/json.ts';
import { fixturePolicies } from '../support/decision-fixtures.ts';
import { certificates, startTestWebhook } from '../support/webhook.ts';
import type { Api } from './backstop-api.ts';
import { type ControlPlanePrograms, startApiServer } from './backstop-api-server.ts';
import { startForeignWebhook } from './backstop-foreign-webhook.ts';
import { LATER_PATCHES } from './backstop-later-attacks.ts';
import { type CostRow, checkCost, checkTypes } from './backstop-limits.ts';
import { checkNamespaces, type NamespaceRow } from './backstop-namespace-attacks.ts';
import { admissionObjects, applyObject, atLoopback, expectDone, pathOf, readObject } from './backstop-objects.ts';
import { prepareSite } from './backstop-site.ts';
import { checkAttacks, type TableRow } from './backstop-table.ts';
import { createWebhookControl, type WebhookSwitch } from './backstop-webhook-states.ts';

/** What an API server without nodes has shown. */
export interface AloneResult {
  readonly version: string;
  readonly attacks: readonly TableRow[];
  readonly namespaces: readonly NamespaceRow[];
  readonly costs: readonly CostRow[];
}

const NODE = 'backstop-node';
/** Nothing listens there. */
const CLOSED_PORT = 1;

/** Every attack that needs no node, the types and the cost of all expressions, on an API server of a version. */
export async function checkAlone(t: Test, programs: ControlPlanePrograms, signal: AbortSignal): Promise<AloneResult> {
  const { policy, text } = fixturePolicies().get('two-profiles') ?? {};
  if (policy === undefined || text === undefined) throw new Error('the fixture policy two-profiles is missing');
  await using server = await startApiServer(programs, signal);
  await using webhook = await startTestWebhook({ policyText: text });
  await using foreign = await startForeignWebhook('127.0.0.1', LATER_PATCHES);
  const { api } = server;
  for (const object of admissionObjects(policy)) {
    await applyObject(api, atLoopback(object, { port: webhook.port, ca: certificates.ca }));
  }
  await applyObject(api, { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  const site = await prepareSite(api, NODE);
  await checkTypes(t, site, policy);
  const control = await createWebhookControl(site, await unreachable(api), foreign);
  const costs: CostRow[] = [];
  await control.during('deleted', async () => void costs.push(...(await checkCost(t, site))));
  const attacks = await checkAttacks(t, { site, webhook: control, foreign });
  const namespaces = await checkNamespaces(t, site);
  return { version: await versionOf(api), attacks, namespaces, costs };
}

/** Stops the webhook, as far as the API server can tell: it asks where nobody listens. */
async function unreachable(api: Api): Promise<WebhookSwitch> {
  const identity = { kind: 'MutatingWebhookConfiguration', metadata: { name: WEBHOOK_CONFIGURATION_NAME } } as const;
  const { webhooks } = await readObject(api, identity);
  const entries: readonly unknown[] = Array.isArray(webhooks) ? webhooks : [];
  const closed = entries.flatMap(entry =>
    isJsonObject(entry) ? [{ ...entry, clientConfig: { url: `https://127.0.0.1:${CLOSED_PORT}/` } }] : [],
  );
  const set = async (body: object): Promise<void> =>
    expectDone(await api.call({ method: 'PATCH', path: pathOf(identity), body }), 'the entries');
  return { stop: () => set({ webhooks: closed }), start: () => set({ webhooks }) };
}

async function versionOf(api: Api): Promise<string> {
  const { body } = await api.call({ method: 'GET', path: '/version' });
  const version: unknown = JSON.parse(body);
  return isJsonObject(version) ? String(version['gitVersion']) : '';
}
