import { isJsonObject, member } from '../../src/policy/json.ts';
import { BACKSTOP_NAMES } from '../../src/manifest/names.ts';
import type { ActingAs, Api } from './backstop-api.ts';
import {
  applyObject,
  createAgain,
  expectDone,
  foreignClass,
  namespaceObject,
  parseObject,
  pathOf,
  type PlainObject,
  readObject,
  removeObject,
} from './backstop-objects.ts';
import { describeAnswer, type Seen } from './backstop-seen.ts';
import { ClusterError } from './cluster-error.ts';
import { waitUntil } from './wait-until.ts';

/** An API server with the backstop of the fixture policy `two-profiles`, and what the attacks on it need. */
export interface Site {
  readonly api: Api;
  readonly node: { readonly name: string; readonly uid: string };
}

/** Namespaces that the attacks are made in, by what their labels say. */
export const NAMESPACES = {
  gvisor: { name: 'backstop-gvisor', labels: { sandbox: 'gvisor' } },
  strict: { name: 'backstop-strict', labels: { sandbox: 'strict' } },
  optOut: { name: 'backstop-opt-out', labels: { sandbox: 'gvisor', 'sandbox-opt-out': 'allowed' } },
  plain: { name: 'backstop-plain', labels: {} },
  unknown: { name: 'backstop-unknown', labels: { sandbox: 'gviser' } },
} as const;

/** A RuntimeClass that is no profile's. */
export const FOREIGN_CLASS = 'backstop-foreign';

/** An ordinary user who may write Pods everywhere, and namespaces. */
export const TENANT: ActingAs = { username: 'backstop-tenant' };

/** As the tenant, who may also release the namespace `gvisor`. */
export const RELEASER: ActingAs = { username: 'backstop-releaser' };

/** What a sandboxed Pod of profile `gvisor` has. */
export const SANDBOXED = { runtimeClassName: 'gvisor', nodeSelector: { 'gvisor-injector/runsc': 'ready' } } as const;

/** A Pod that never starts: its scheduling gate is never lifted. */
export function gatedPod(
  name: string,
  { annotations = {}, spec = {} }: { readonly annotations?: Record<string, string>; readonly spec?: object } = {},
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...(name.endsWith('-') ? { generateName: name } : { name }), annotations },
    spec: {
      automountServiceAccountToken: false,
      schedulingGates: [{ name: 'backstop-test/never' }],
      containers: [{ name: 'main', image: 'none' }],
      ...spec,
    },
  };
}

/** The path of a namespace's Pods, or of one with a subresource; `dryRun` keeps it as it is. */
export function podsPath(namespace: keyof typeof NAMESPACES, rest = '', query = '?dryRun=All'): string {
  return `/api/v1/namespaces/${NAMESPACES[namespace].name}/pods${rest}${query}`;
}

/** What comes of the creation of a Pod, as a dry run. */
export async function seeCreate(
  { api }: Site,
  namespace: keyof typeof NAMESPACES,
  pod: object,
  as?: ActingAs,
): Promise<Seen> {
  return describeAnswer(await api.call({ method: 'POST', path: podsPath(namespace), body: pod, as }));
}

/** Makes namespaces, classes, users and one gated Pod. The backstop must be installed and in force. */
export async function prepareSite(api: Api, node: string): Promise<Site> {
  await applyObject(api, foreignClass(FOREIGN_CLASS));
  for (const object of roleObjects()) await applyObject(api, object);
  await withoutBinding(api, BACKSTOP_NAMES.namespaceLabels, async () => {
    for (const { name, labels } of Object.values(NAMESPACES)) {
      await until(`namespace ${name}`, () => applyObject(api, namespaceObject(name, labels)));
    }
  });
  const { body } = await api.call({ method: 'GET', path: `/api/v1/nodes/${node}` });
  const metadata = member(parseObject(body), 'metadata');
  const uid = isJsonObject(metadata) ? String(member(metadata, 'uid')) : '';
  const victim = gatedPod(VICTIM, { spec: SANDBOXED });
  await until('the service account', async () => {
    expectDone(await api.call({ method: 'POST', path: podsPath('gvisor', '', ''), body: victim }), VICTIM);
  });
  return { api, node: { name: node, uid } };
}

/** A compliant Pod in namespace `gvisor` that the attacks change, as dry runs. */
export const VICTIM = 'backstop-victim';

/** Removes what {@link prepareSite} made. */
export async function clearSite({ api }: Site): Promise<void> {
  for (const { name } of Object.values(NAMESPACES)) await removeObject(api, namespaceObject(name));
  for (const object of [...roleObjects(), foreignClass(FOREIGN_CLASS)]) await removeObject(api, object);
}

/** Runs something while a policy is not bound, as in the time before it was. */
async function withoutBinding(api: Api, name: string, run: () => Promise<void>): Promise<void> {
  const binding = await readObject(api, { kind: 'ValidatingAdmissionPolicyBinding', metadata: { name } });
  await removeObject(api, binding);
  await run();
  await createAgain(api, binding);
  const path = `${pathOf(namespaceObject('probe')).replace(/.probe$/, '')}?dryRun=All`;
  await until(`${name} to be in force again`, async () => {
    const { status } = await api.call({ method: 'POST', path, body: namespaceObject('probe', { sandbox: 'gviser' }) });
    if (status !== 403) throw new ClusterError('a label that names no profile was accepted');
  });
}

/** Does it again until it succeeds. The API server may not have seen yet what was changed before. */
async function until(what: string, run: () => Promise<void>): Promise<void> {
  await waitUntil({
    what,
    seconds: 20,
    check: async () => {
      await run();
      return 'done';
    },
  });
}

function roleObjects(): readonly PlainObject[] {
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
  const users = [TENANT.username, RELEASER.username];
  const subjects = users.map(name => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }));
  const rules = [
    { apiGroups: [''], resources: ['pods'], verbs: ['*'] },
    { apiGroups: [''], resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'], verbs: ['*'] },
  ];
  const name = 'backstop-tenants';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  return [
    { ...rbac, kind: 'ClusterRole', metadata: { name }, rules },
    { ...rbac, kind: 'ClusterRoleBinding', metadata: { name }, roleRef, subjects },
  ];
}
