import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { parse } from 'yaml';
import { isJsonObject, member } from '../../src/policy/json.ts';
import type { ActingAs, ApiCall } from './backstop-api.ts';
import {
  applyObject,
  expectDone,
  namespaceObject,
  parseObject,
  type PlainObject,
  removeObject,
} from './backstop-objects.ts';
import { describeAnswer, type Seen } from './backstop-seen.ts';
import { NAMESPACES, RELEASER, type Site, TENANT } from './backstop-site.ts';
import { REPOSITORY } from './layout.ts';
import { waitUntil } from './wait-until.ts';

/** A row of the table on namespaces. */
export interface NamespaceRow {
  readonly what: string;
  readonly expected: Seen;
  readonly seen: Seen;
}

interface NamespaceAttack {
  readonly what: string;
  readonly expected: Seen;
  readonly run: (site: Site) => Promise<Seen>;
}

const UNKNOWN = 'backstop: UnknownProfile';
const PROTECTED = 'backstop: LabelProtected';
const DONE = 'done';

const ATTACKS: readonly NamespaceAttack[] = [
  {
    what: 'a namespace made with a label that names no profile',
    expected: UNKNOWN,
    run: async ({ api }) => {
      const body = namespaceObject('backstop-new', { sandbox: 'gviser' });
      return describeAnswer(await api.call({ method: 'POST', path: '/api/v1/namespaces?dryRun=All', body }));
    },
  },
  ...throughEach('a label that names no profile', UNKNOWN, ({ site, subresource }) =>
    label(site, { namespace: 'plain', labels: { sandbox: 'gviser' }, subresource }),
  ),
  {
    what: 'an audit label that names no profile',
    expected: UNKNOWN,
    run: site => label(site, { namespace: 'plain', labels: { 'sandbox-audit': 'gviser' } }),
  },
  {
    what: 'another label on a namespace whose label names no profile',
    expected: DONE,
    run: site => label(site, { namespace: 'unknown', labels: { other: 'x' } }),
  },
  ...throughEach('the label removed by a tenant', PROTECTED, ({ site, subresource }) =>
    label(site, { namespace: 'gvisor', labels: { sandbox: null }, subresource, as: TENANT }),
  ),
  {
    what: 'the label changed by a tenant',
    expected: PROTECTED,
    run: site => label(site, { namespace: 'strict', labels: { sandbox: 'gvisor' }, as: TENANT }),
  },
  {
    what: 'opting out allowed by a tenant',
    expected: PROTECTED,
    run: site => label(site, { namespace: 'gvisor', labels: { 'sandbox-opt-out': 'allowed' }, as: TENANT }),
  },
  {
    what: 'a sandbox asked for by a tenant',
    expected: DONE,
    run: site => label(site, { namespace: 'plain', labels: { sandbox: 'gvisor' }, as: TENANT }),
  },
  {
    what: 'the label removed by who may release this namespace',
    expected: DONE,
    run: site => label(site, { namespace: 'gvisor', labels: { sandbox: null }, as: RELEASER }),
  },
  {
    what: 'the label removed by who may release another namespace',
    expected: PROTECTED,
    run: site => label(site, { namespace: 'strict', labels: { sandbox: null }, as: RELEASER }),
  },
];

/**
 * Tries every attack on a namespace's labels, with the component protect-labels installed for that time. It does not
 * matter what the webhook does.
 */
export async function checkNamespaces(t: Test, site: Site): Promise<readonly NamespaceRow[]> {
  const objects = await componentObjects();
  for (const object of objects) await applyObject(site.api, object);
  await bindRelease(site);
  await waitUntil({
    what: 'labels to be protected, and to be released by who may',
    seconds: 20,
    check: async () => {
      const refused = await label(site, { namespace: 'gvisor', labels: { sandbox: null }, as: TENANT });
      const released = await label(site, { namespace: 'gvisor', labels: { sandbox: null }, as: RELEASER });
      return refused === PROTECTED && released === DONE ? DONE : undefined;
    },
  });
  const rows: NamespaceRow[] = [];
  for (const { what, expected, run } of ATTACKS) {
    const seen = await run(site);
    t.equal(seen, expected, what);
    rows.push({ what, expected, seen });
  }
  await checkDeletion(t, site);
  for (const object of objects) await removeObject(site.api, object);
  return rows;
}

/** The three ways to write a namespace's labels. */
function throughEach(
  what: string,
  expected: Seen,
  attempt: (options: { readonly site: Site; readonly subresource: string }) => Promise<Seen>,
): readonly NamespaceAttack[] {
  return ['', '/status', '/finalize'].map(subresource => ({
    what: `${what}, through \`namespaces${subresource}\``,
    expected,
    run: async site => await attempt({ site, subresource }),
  }));
}

interface LabelChange {
  readonly namespace: keyof typeof NAMESPACES;
  /** Null removes a label. */
  readonly labels: Readonly<Record<string, string | null>>;
  readonly subresource?: string;
  readonly as?: ActingAs;
}

async function label({ api }: Site, { namespace, labels, subresource = '', as }: LabelChange): Promise<Seen> {
  const path = `/api/v1/namespaces/${NAMESPACES[namespace].name}`;
  const query = `${path}${subresource}?dryRun=All`;
  const change: ApiCall = { method: 'PATCH', path: query, body: { metadata: { labels } }, as };
  if (subresource !== '/finalize') return describeAnswer(await api.call(change));
  // It knows no PATCH.
  const { body } = await api.call({ method: 'GET', path });
  return describeAnswer(await api.call({ method: 'PUT', path: query, body: withLabels(body, labels), as }));
}

function withLabels(body: string, labels: LabelChange['labels']): object {
  const object = parseObject(body);
  const metadata = member(object, 'metadata');
  const before = isJsonObject(metadata) ? member(metadata, 'labels') : undefined;
  const after = { ...(isJsonObject(before) ? before : {}), ...labels };
  const kept = Object.fromEntries(Object.entries(after).filter(([, value]) => value !== null));
  return { ...object, metadata: { ...(isJsonObject(metadata) ? metadata : {}), labels: kept } };
}

/** A namespace is never kept from ending: neither by a label that names no profile nor by one that is protected. */
async function checkDeletion(t: Test, { api }: Site): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACES.unknown.name}`;
  expectDone(await api.call({ method: 'DELETE', path, as: TENANT }), path);
  const seen = await waitUntil({
    what: 'a namespace whose label names no profile to end',
    seconds: 60,
    check: async () => ((await api.call({ method: 'GET', path })).status === 404 ? 'ended' : undefined),
  });
  t.equal(seen, 'ended', 'a namespace whose label names no profile can be deleted');
}

async function componentObjects(): Promise<readonly PlainObject[]> {
  const folder = join(REPOSITORY, 'manifests/components/protect-labels');
  const texts = ['cluster-role.yaml', 'binding.yaml'].map(async file => await readFile(join(folder, file), 'utf8'));
  return (await Promise.all(texts)).map(text => {
    const object: unknown = parse(text);
    const metadata = isJsonObject(object) ? member(object, 'metadata') : undefined;
    if (!isJsonObject(object) || !isJsonObject(metadata)) throw new TypeError('a manifest is an object');
    return { ...object, kind: String(object['kind']), metadata: { ...metadata, name: String(metadata['name']) } };
  });
}

async function bindRelease({ api }: Site): Promise<void> {
  const rbac = 'rbac.authorization.k8s.io';
  const path = `/apis/${rbac}/v1/namespaces/${NAMESPACES.gvisor.name}/rolebindings`;
  const body = {
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'release-sandboxes' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'gvisor-injector-release' },
    subjects: [{ apiGroup: rbac, kind: 'User', name: RELEASER.username }],
  };
  expectDone(await api.call({ method: 'POST', path, body }), path);
}
