import { isJsonObject, member } from '../../src/policy/json.ts';
import type { ApiAnswer } from './api-client.ts';
import { always, type Attack } from './backstop-attack.ts';
import type { ApiCall } from './backstop-api.ts';
import { parseObject } from './backstop-objects.ts';
import { describeAnswer, type Seen } from './backstop-seen.ts';
import { podsPath, type Site, VICTIM } from './backstop-site.ts';

const FLAG = 'dev.gvisor.flag.host-uds';
const FLAGGED = { metadata: { annotations: { [FLAG]: 'all' } } } as const;
const FORBIDDEN = always('backstop: RuntimeFlagForbidden');
/** What the API server says of changes that it takes for none. */
const DROPPED = 'the annotation is dropped';

/** Attacks on a Pod that is sandboxed and waits behind a scheduling gate. */
export const CHANGE_ATTACKS: readonly Attack[] = [
  {
    what: 'a runtime flag set on a gated Pod by PATCH',
    expected: FORBIDDEN,
    run: site => change(site, { method: 'PATCH', path: victim(), body: FLAGGED }),
  },
  {
    what: 'a runtime flag set on a gated Pod by PUT',
    expected: FORBIDDEN,
    run: async site => await change(site, { method: 'PUT', path: victim(), body: await flaggedVictim(site) }),
  },
  {
    what: 'a runtime flag set by server-side apply',
    expected: FORBIDDEN,
    run: site =>
      change(site, {
        method: 'PATCH',
        path: `${victim()}&fieldManager=attack`,
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: VICTIM, ...FLAGGED.metadata } },
      }),
  },
  {
    what: 'a runtime flag through `pods/status`',
    expected: FORBIDDEN,
    run: site => change(site, { method: 'PATCH', path: victim('/status'), body: FLAGGED }),
  },
  {
    what: 'a runtime flag through `pods/ephemeralcontainers`',
    expected: always(DROPPED),
    run: site => change(site, { method: 'PATCH', path: victim('/ephemeralcontainers'), body: FLAGGED }),
  },
  {
    what: 'a runtime flag through `pods/resize`',
    expected: always(DROPPED),
    run: async site => {
      const seen = await change(site, { method: 'PATCH', path: victim('/resize'), body: FLAGGED });
      // Kubernetes 1.30 and 1.31 have no such subresource.
      return seen.includes('could not find the requested resource') ? DROPPED : seen;
    },
  },
  {
    what: 'a runtime flag through `pods/binding`',
    expected: FORBIDDEN,
    run: site => change(site, { method: 'POST', path: victim('/binding'), body: binding(site) }),
  },
  {
    what: 'a runtime flag through the legacy `bindings`',
    expected: FORBIDDEN,
    run: site =>
      change(site, { method: 'POST', path: podsPath('gvisor').replace('/pods?', '/bindings?'), body: binding(site) }),
  },
  {
    what: 'the RuntimeClass removed from a gated Pod',
    expected: always('API server: immutable'),
    run: site => change(site, { method: 'PATCH', path: victim(), body: { spec: { runtimeClassName: null } } }),
  },
  {
    what: 'the selector removed from a gated Pod',
    expected: always('API server: immutable'),
    run: site => change(site, { method: 'PATCH', path: victim(), body: { spec: { nodeSelector: null } } }),
  },
  {
    what: 'annotation `none` set on a sandboxed Pod',
    expected: always('sandboxed as gvisor'),
    run: site =>
      change(site, { method: 'PATCH', path: victim(), body: { metadata: { annotations: { sandbox: 'none' } } } }),
  },
  {
    what: 'an ephemeral container, which joins the sandbox',
    expected: always('sandboxed as gvisor'),
    run: site => {
      const ephemeralContainers = [{ name: 'debug', image: 'none' }];
      return change(site, {
        method: 'PATCH',
        path: victim('/ephemeralcontainers'),
        body: { spec: { ephemeralContainers } },
      });
    },
  },
];

function victim(subresource = ''): string {
  return podsPath('gvisor', `/${VICTIM}${subresource}`);
}

function binding({ node }: Site): object {
  const target = { apiVersion: 'v1', kind: 'Node', name: node.name };
  return { apiVersion: 'v1', kind: 'Binding', metadata: { name: VICTIM, ...FLAGGED.metadata }, target };
}

async function flaggedVictim({ api }: Site): Promise<object> {
  const { body } = await api.call({ method: 'GET', path: podsPath('gvisor', `/${VICTIM}`, '') });
  const pod = parseObject(body);
  const metadata = member(pod, 'metadata');
  return { ...pod, metadata: { ...(isJsonObject(metadata) ? metadata : {}), ...FLAGGED.metadata } };
}

async function change({ api }: Site, call: ApiCall): Promise<Seen> {
  const answer = await api.call(call);
  const seen = describeAnswer(answer);
  if (/^API server: .*(immutable|may not be|Forbidden: pod updates|only additions|field is immutable)/.test(seen))
    return 'API server: immutable';
  const isFlagging = JSON.stringify(call.body).includes(FLAG);
  if (!isFlagging || seen.includes(':')) return seen;
  return carriesFlag(answer) ? 'THE FLAG IS SET' : DROPPED;
}

function carriesFlag({ body }: ApiAnswer): boolean {
  const metadata = member(parseObject(body), 'metadata');
  const annotations = isJsonObject(metadata) ? member(metadata, 'annotations') : undefined;
  return isJsonObject(annotations) && member(annotations, FLAG) !== undefined;
}
