import { isJsonObject, type JsonObject, member } from '../../src/policy/json.ts';
import type { ApiAnswer } from './api-client.ts';
import { parseObject } from './backstop-objects.ts';

/** Who refused a request, and why; or what became of the object. */
export type Seen = string;

const BACKSTOP_DENIAL =
  /ValidatingAdmissionPolicy 'gvisor-injector-[a-z-]+' with binding '[a-z-]+' denied request: (\w+): /;
const WEBHOOK_DENIAL = /admission webhook "[a-z0-9.-]+\.gvisor-injector\.svc" denied the request: (\w+): /;

/**
 * What came of a request, in a few words: `webhook: REASON`, `backstop: REASON` or `API server: ...` for a refusal,
 * `sandboxed as CLASS` or `not sandboxed` for a Pod, else `done`.
 */
export function describeAnswer({ status, body }: ApiAnswer): Seen {
  if (status >= 200 && status <= 299) return describeObject(parseObject(body));
  const { [1]: webhookReason } = WEBHOOK_DENIAL.exec(messageOf(body)) ?? [];
  if (webhookReason !== undefined) return `webhook: ${webhookReason}`;
  const { [1]: backstopReason } = BACKSTOP_DENIAL.exec(messageOf(body)) ?? [];
  if (backstopReason !== undefined) return `backstop: ${backstopReason}`;
  return `API server: ${messageOf(body).slice(0, 300)}`;
}

/** What a Pod runs in, or `done` for what is no Pod. */
export function describeObject(object: JsonObject): Seen {
  if (member(object, 'kind') !== 'Pod') return 'done';
  const spec = member(object, 'spec');
  const name = isJsonObject(spec) ? member(spec, 'runtimeClassName') : undefined;
  return typeof name === 'string' ? `sandboxed as ${name}` : 'not sandboxed';
}

/** The message of a refusal. */
export function messageOf(body: string): string {
  const message = member(parseObject(body), 'message');
  return typeof message === 'string' ? message : body;
}
