import type { Test } from 'tap';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { NODE_USER_PREFIX } from '../../src/policy/keys.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { type DecisionFixture, decisionFixtures, fixturePolicies } from '../support/decision-fixtures.ts';
import { certificates, startTestWebhook } from '../support/webhook.ts';
import type { ApiAnswer } from './api-client.ts';
import type { Api } from './backstop-api.ts';
import { type ControlPlanePrograms, startApiServer } from './backstop-api-server.ts';
import { complete, decisionOf, isLeftAlone, namespaceOf, podOf } from './backstop-fixture.ts';
import {
  admissionObjects,
  applyObject,
  atLoopback,
  foreignClass,
  namespaceObject,
  parseObject,
  pathOf,
  removeObject,
} from './backstop-objects.ts';
import { describeAnswer } from './backstop-seen.ts';
import { waitUntil } from './wait-until.ts';

/** What came of every fixture Pod, by webhook and backstop. */
export interface Differential {
  readonly pods: number;
  /** Left alone or sandboxed by the webhook, and let through by the backstop. */
  readonly letThrough: number;
  readonly deniedByWebhook: number;
  /** Denied by the backstop too, once the webhook was gone. */
  readonly deniedByBoth: number;
  /** Fixtures that only the webhook denies, with the reason. */
  readonly onlyWebhook: readonly string[];
  /** Fixtures of Pods that are left alone, but for a runtime flag, which the backstop denies everywhere. */
  readonly onlyBackstop: readonly string[];
  /** Fixtures that are no Pods to the API server, and get to neither. */
  readonly invalid: readonly string[];
}

interface Counts {
  pods: number;
  letThrough: number;
  deniedByWebhook: number;
  deniedByBoth: number;
  readonly onlyWebhook: string[];
  readonly onlyBackstop: string[];
  readonly invalid: string[];
}

/** Every fixture Pod through a real webhook and the backstop, on an API server of each policy's own. */
export async function checkDifferential(
  t: Test,
  programs: ControlPlanePrograms,
  signal: AbortSignal,
): Promise<Differential> {
  const counts: Counts = {
    pods: 0,
    letThrough: 0,
    deniedByWebhook: 0,
    deniedByBoth: 0,
    onlyWebhook: [],
    onlyBackstop: [],
    invalid: [],
  };
  for (const [name, { text, policy }] of fixturePolicies()) {
    const fixtures = decisionFixtures().filter(({ policyName }) => policyName === name);
    await using server = await startApiServer(programs, signal);
    await using webhook = await startTestWebhook({ policyText: text });
    const one: PolicyRun = { t, api: server.api, policy, counts, nodes: await makeNodes(server.api, fixtures) };
    await install(one, fixtures, webhook.port);
    for (const fixture of fixtures) await throughBoth(one, fixture);
    await removeWebhook(one);
    for (const fixture of fixtures) await throughBackstop(one, fixture);
  }
  return counts;
}

/** What the fixtures of one policy have in common. */
interface PolicyRun {
  readonly t: Test;
  readonly api: Api;
  readonly policy: Policy;
  readonly counts: Counts;
  /** Ids of the nodes that ask for Pods, by user name. */
  readonly nodes: ReadonlyMap<string, string>;
}

async function makeNodes(api: Api, fixtures: readonly DecisionFixture[]): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const username of new Set(fixtures.map(({ requester }) => requester?.username ?? ''))) {
    if (!username.startsWith(NODE_USER_PREFIX)) continue;
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: username.slice(NODE_USER_PREFIX.length) } };
    await applyObject(api, node);
    const metadata = parseObject((await api.call({ method: 'GET', path: pathOf(node) })).body)['metadata'];
    ids.set(username, isJsonObject(metadata) ? String(member(metadata, 'uid')) : '');
  }
  return ids;
}

async function install({ api, policy }: PolicyRun, fixtures: readonly DecisionFixture[], port: number): Promise<void> {
  // Authorization is not what is asked about.
  await applyObject(api, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'everybody' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }],
  });
  const objects = admissionObjects(policy);
  const profileClasses = objects.filter(({ kind }) => kind === 'RuntimeClass').map(({ metadata }) => metadata.name);
  const named = fixtures.map(({ pod }) => podOf(pod).runtimeClassName ?? '');
  for (const name of new Set(named)) {
    if (name !== '' && !profileClasses.includes(name)) await applyObject(api, foreignClass(name));
  }
  for (const object of objects) await applyObject(api, atLoopback(object, { port, ca: certificates.ca }));
  for (const fixture of fixtures) {
    const { name, labels } = namespaceOf(fixture);
    await applyObject(api, namespaceObject(name, labels));
  }
  await applyObject(api, namespaceObject('probe', { [policy.sandboxKey]: policy.profiles[0].name }));
  await waitForProbe(api, /^sandboxed/);
}

async function removeWebhook({ api, policy }: PolicyRun): Promise<void> {
  for (const object of admissionObjects(policy)) {
    if (object.kind === 'MutatingWebhookConfiguration') await removeObject(api, object);
  }
  await waitForProbe(api, /^backstop: NotInjected/);
}

/** Until the API server has seen what was applied. */
async function waitForProbe(api: Api, expected: RegExp): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  await waitUntil({
    what: `a Pod to be ${expected.source}`,
    seconds: 30,
    intervalMilliseconds: 100,
    check: async () => {
      const path = '/api/v1/namespaces/probe/pods?dryRun=All';
      const seen = describeAnswer(await api.call({ method: 'POST', path, body: pod }));
      return expected.test(seen) ? seen : undefined;
    },
  });
}

async function throughBoth(run: PolicyRun, fixture: DecisionFixture): Promise<void> {
  const { t, counts } = run;
  const { outcome, reason } = decisionOf(fixture);
  const answer = await create(run, fixture, fixture.pod);
  const seen = describeAnswer(answer);
  counts.pods += 1;
  if (isInvalid(answer)) {
    counts.invalid.push(fixture.name);
  } else if (outcome === 'denied') {
    counts.deniedByWebhook += 1;
    t.equal(seen, `webhook: ${reason}`, `${fixture.name} is denied by the webhook`);
  } else if (seen === 'backstop: RuntimeFlagForbidden' && isLeftAlone(fixture)) {
    counts.onlyBackstop.push(fixture.name);
  } else {
    counts.letThrough += 1;
    t.equal(answer.status, 201, `${fixture.name}, ${reason}, is let through: ${seen}`);
  }
}

/** After the webhook is gone: as the author wrote it, and with all that an author can write himself. */
async function throughBackstop(run: PolicyRun, fixture: DecisionFixture): Promise<void> {
  const { t, counts } = run;
  const { outcome, reason } = decisionOf(fixture);
  if (counts.invalid.includes(fixture.name) || isLeftAlone(fixture)) return;
  const answer = await create(run, fixture, fixture.pod);
  const isAllThere =
    outcome === 'allowed' || decisionOf(fixture).patch.every(({ path }) => path.includes('tolerations'));
  if (outcome !== 'denied') {
    const expected = isAllThere ? /^sandboxed/ : /^(backstop: NotInjected|sandboxed)/;
    t.match(describeAnswer(answer), expected, `${fixture.name}, ${reason}, without the webhook`);
    return;
  }
  const completed = await create(run, fixture, complete(fixture));
  const seen = describeAnswer(completed);
  if (completed.status === 201) {
    counts.onlyWebhook.push(`${fixture.name} (${reason})`);
    t.equal(reason, 'Incompatible', `${fixture.name} is denied by the webhook alone`);
  } else {
    counts.deniedByBoth += 1;
    t.match(seen, /^(backstop: |API server)/, `${fixture.name}, ${reason}, is denied without the webhook too: ${seen}`);
  }
}

async function create({ api, nodes }: PolicyRun, fixture: DecisionFixture, pod: unknown): Promise<ApiAnswer> {
  const namespace = namespaceOf(fixture).name;
  const object = isJsonObject(pod) ? pod : {};
  const written = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const username = fixture.requester?.username ?? '';
  const uid = nodes.get(username);
  const owner = {
    apiVersion: 'v1',
    kind: 'Node',
    name: username.slice(NODE_USER_PREFIX.length),
    uid,
    controller: true,
  };
  // A kubelet may create nothing that its node does not own.
  const metadata = uid === undefined ? written : { ...written, ownerReferences: [owner] };
  return await api.call({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/pods?dryRun=All`,
    body: { ...object, metadata: { ...metadata, namespace } },
    as: fixture.requester,
  });
}

/** True when the API server does not take the object for a Pod of this requester, whatever webhook and policies say. */
function isInvalid(answer: ApiAnswer): boolean {
  return describeAnswer(answer).startsWith('API server');
}
