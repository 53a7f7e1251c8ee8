import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { applyObject, namespaceObject, parseObject, removeObject } from './backstop-objects.ts';
import { describeAnswer, describeObject } from './backstop-seen.ts';
import { FOREIGN_CLASS, gatedPod, SANDBOXED, type Site } from './backstop-site.ts';
import type { WebhookControl } from './backstop-webhook-states.ts';
import { waitUntil } from './wait-until.ts';

/** What became of the Pods of one kind during the outage and a little before and after it. */
export interface OutageRow {
  readonly namespace: string;
  readonly pods: string;
  readonly created: number;
  readonly denied: number;
  /** Neither: an answer of another kind. There should be none. */
  readonly failed: number;
  /** Of those created, the ones that are not in a sandbox. */
  readonly unsandboxed: number;
}

const OUTAGE_MILLISECONDS = 60_000;
const PAUSE_MILLISECONDS = 500;
const LABELLED = namespaceObject('backstop-outage-labelled', { sandbox: 'gvisor' });
const PLAIN = namespaceObject('backstop-outage-plain');

interface Load {
  readonly namespace: string;
  readonly pods: string;
  readonly parts: { readonly annotations?: Record<string, string>; readonly spec?: object };
}

const LOADS: readonly Load[] = [
  { namespace: LABELLED.metadata.name, pods: 'compliant', parts: { spec: SANDBOXED } },
  { namespace: LABELLED.metadata.name, pods: 'injectable', parts: {} },
  { namespace: LABELLED.metadata.name, pods: 'foreign', parts: { spec: { runtimeClassName: FOREIGN_CLASS } } },
  { namespace: PLAIN.metadata.name, pods: 'compliant', parts: { spec: SANDBOXED } },
  { namespace: PLAIN.metadata.name, pods: 'injectable', parts: {} },
  { namespace: PLAIN.metadata.name, pods: 'foreign', parts: { spec: { runtimeClassName: FOREIGN_CLASS } } },
  { namespace: PLAIN.metadata.name, pods: 'annotated', parts: { annotations: { sandbox: 'gvisor' } } },
];

/** Kills all replicas for a minute, under constant creation of Pods. @param meanwhile runs in that minute */
export async function checkBackstopOutage(
  t: Test,
  options: { readonly site: Site; readonly webhook: WebhookControl; readonly meanwhile: () => Promise<void> },
): Promise<readonly OutageRow[]> {
  const { site, webhook, meanwhile } = options;
  for (const namespace of [LABELLED, PLAIN]) await applyObject(site.api, namespace);
  await waitForServiceAccounts(site);
  const over = new AbortController();
  const loads = LOADS.map(load => createConstantly(site, load, over.signal));
  try {
    await setTimeout(4 * PAUSE_MILLISECONDS);
    await webhook.during('down', async () => {
      await Promise.all([setTimeout(OUTAGE_MILLISECONDS), meanwhile()]);
    });
    await setTimeout(4 * PAUSE_MILLISECONDS);
  } finally {
    over.abort();
  }
  const rows: OutageRow[] = [];
  for (const [index, load] of LOADS.entries()) {
    const answers = (await loads[index]) ?? [];
    rows.push({
      namespace: load.namespace,
      pods: load.pods,
      created: answers.filter(seen => !seen.includes(':')).length,
      denied: answers.filter(seen => /^(webhook|backstop): /.test(seen)).length,
      failed: answers.filter(seen => seen.startsWith('API server: ')).length,
      unsandboxed: await countUnsandboxed(site, load),
    });
  }
  judge(t, rows);
  for (const namespace of [LABELLED, PLAIN]) await removeObject(site.api, namespace);
  return rows;
}

function judge(t: Test, rows: readonly OutageRow[]): void {
  for (const { namespace, pods, created, denied, failed, unsandboxed } of rows) {
    const isLabelled = namespace === LABELLED.metadata.name;
    const what = `${pods} Pods, ${isLabelled ? 'labelled' : 'unlabelled'}`;
    t.equal(failed, 0, `${what}: no other answer`);
    if (isLabelled || pods === 'annotated') t.equal(unsandboxed, 0, `${what}: none runs outside a sandbox`);
    if (pods === 'compliant') t.equal(denied, 0, `${what}: all are created`);
    else if (isLabelled || pods === 'annotated') t.ok(denied > 0, `${what}: ${denied} were denied`);
    else t.equal(denied, 0, `${what}: all are created`);
    if (pods !== 'foreign' || !isLabelled) t.ok(created > 0, `${what}: ${created} were created`);
    if (!isLabelled && pods !== 'annotated') {
      t.equal(unsandboxed, pods === 'compliant' ? 0 : created, `${what}: left as they were`);
    }
  }
}

async function createConstantly(
  { api }: Site,
  { namespace, pods, parts }: Load,
  over: AbortSignal,
): Promise<readonly string[]> {
  const answers: string[] = [];
  while (!over.aborted) {
    const body = gatedPod(`${pods}-`, parts);
    answers.push(
      describeAnswer(await api.call({ method: 'POST', path: `/api/v1/namespaces/${namespace}/pods`, body })),
    );
    await setTimeout(PAUSE_MILLISECONDS);
  }
  return answers;
}

async function countUnsandboxed({ api }: Site, { namespace, pods }: Load): Promise<number> {
  const { body } = await api.call({ method: 'GET', path: `/api/v1/namespaces/${namespace}/pods` });
  const items: unknown = parseObject(body)['items'];
  const objects: readonly unknown[] = Array.isArray(items) ? items : [];
  return objects.filter(object => {
    if (!isJsonObject(object)) return false;
    const metadata = member(object, 'metadata');
    const isOurs = isJsonObject(metadata) && String(member(metadata, 'name')).startsWith(`${pods}-`);
    return isOurs && describeObject({ ...object, kind: 'Pod' }) !== 'sandboxed as gvisor';
  }).length;
}

async function waitForServiceAccounts({ api }: Site): Promise<void> {
  for (const { metadata } of [LABELLED, PLAIN]) {
    const path = `/api/v1/namespaces/${metadata.name}/serviceaccounts/default`;
    await waitUntil({
      what: path,
      seconds: 30,
      check: async () => ((await api.call({ method: 'GET', path })).status === 200 ? 'there' : undefined),
    });
  }
}
