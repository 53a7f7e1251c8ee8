import type { Api, ApiCall } from './backstop-api.ts';
import { messageOf } from './backstop-seen.ts';

/** What the API server says: `done`, or who refused it (`our policy`, `RBAC`, `Pod Security`), or what none of them says. */
export type Verdict = string;

/** One request with a token of the node agent. */
export interface Attack {
  readonly what: string;
  readonly expected: Verdict;
  readonly call: ApiCall;
}

/** Nodes without a kubelet, and Pods on them; OWN is the one that the token names. */
export const OWN = 'rights-own';
export const OTHER = 'rights-other';

/** Namespaces of the product, as its manifests name them. */
export const AGENT_NAMESPACE = 'gvisor-injector-node';
export const PROOF_NAMESPACE = 'gvisor-injector-proof';

const OUR_DENIAL = /ValidatingAdmissionPolicy 'gvisor-injector-agent-[a-z]+' .* denied request: BeyondAgentRights: /;

/** Sends a request and says who answered it. */
export async function verdictOf(api: Api, call: ApiCall): Promise<Verdict> {
  const { status, body } = await api.call(call);
  if (status >= 200 && status <= 299) return 'done';
  const message = messageOf(body);
  if (OUR_DENIAL.test(message)) return 'our policy';
  if (/ is forbidden: User "system:serviceaccount:[^"]+" cannot /.test(message)) return 'RBAC';
  if (message.includes('violates PodSecurity')) return 'Pod Security';
  return `${status}: ${message.slice(0, 400)}`;
}
