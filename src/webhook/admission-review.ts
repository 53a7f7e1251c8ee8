import type { Requester } from '../policy/decision.ts';
import { isJsonObject, type JsonObject, kindOf, member } from '../policy/json.ts';
import { printable } from '../policy/printable.ts';
import { Refusal } from './refusal.ts';

/** The only version of the protocol that is spoken (kubernetes/api: admission/v1). */
export const REVIEW_API_VERSION = 'admission.k8s.io/v1';
export const REVIEW_KIND = 'AdmissionReview';

/** A UID is a UUID; whatever is longer than this is no API server's. */
const UID_LENGTH = 256;

/** The question of an API server: the parts of an AdmissionReview v1 that are used, each checked. */
export interface AdmissionRequest {
  readonly uid: string;
  /** Namespace of the request; the object's own may be empty in older API servers. */
  readonly namespace: string;
  /** Empty when the API server has yet to make the name. */
  readonly name: string;
  readonly requester: Requester;
  readonly dryRun: boolean;
  /** The Pod as it was sent. */
  readonly object: unknown;
}

/**
 * Checks an AdmissionReview by hand: schema libraries cost more than the whole decision, and drop what they do not know.
 *
 * @param value the parsed body
 * @throws {Refusal} ReviewInvalid, KindUnsupported or OperationUnsupported, naming the field and what is accepted
 */
export function readAdmissionReview(value: unknown): AdmissionRequest {
  if (!isJsonObject(value)) throw new Refusal('ReviewInvalid', 'the body is no AdmissionReview: it must be an object');
  expectText(value, 'apiVersion', REVIEW_API_VERSION);
  expectText(value, 'kind', REVIEW_KIND);
  const request = objectAt(value, 'request', 'request');
  const uid = textAt(request, 'uid');
  if (uid === '' || uid.length > UID_LENGTH) {
    throw new Refusal('ReviewInvalid', `request.uid must be a string of 1 to ${UID_LENGTH} characters`, 'request.uid');
  }
  expectPod(request);
  expectCreate(request);
  const dryRun = member(request, 'dryRun') ?? false;
  if (typeof dryRun !== 'boolean')
    throw new Refusal('ReviewInvalid', 'request.dryRun must be true or false', 'request.dryRun');
  const namespace = textAt(request, 'namespace');
  if (namespace === '')
    throw new Refusal('ReviewInvalid', 'request.namespace is missing; a Pod always has one', 'request.namespace');
  return {
    uid,
    namespace,
    name: textAt(request, 'name'),
    requester: readRequester(request),
    dryRun,
    object: objectAt(request, 'object', 'request.object'),
  };
}

function expectText(object: JsonObject, key: string, wanted: string): void {
  const found = member(object, key);
  if (found !== wanted) throw new Refusal('ReviewInvalid', `${key} must be ${wanted}, found ${show(found)}`, key);
}

/** Rules that were widened by hand would send us other kinds and subresources; nothing is decided about those. */
function expectPod(request: JsonObject): void {
  const { group, version, kind } = objectAt(request, 'kind', 'request.kind');
  if ((group ?? '') !== '' || version !== 'v1' || kind !== 'Pod') {
    const found = [group, version, kind].filter(part => typeof part === 'string' && part !== '').join('/');
    throw new Refusal(
      'KindUnsupported',
      `request.kind must be v1 Pod, found ${show(found)}; the webhook's rules select too much`,
    );
  }
  const subResource = member(request, 'subResource') ?? '';
  if (subResource !== '') {
    throw new Refusal(
      'KindUnsupported',
      `request.subResource must be empty, found ${show(subResource)}; the webhook's rules select too much`,
    );
  }
}

function expectCreate(request: JsonObject): void {
  const operation = member(request, 'operation');
  if (operation !== 'CREATE') {
    throw new Refusal(
      'OperationUnsupported',
      `request.operation must be CREATE, found ${show(operation)}; the webhook's rules select too much`,
    );
  }
}

function readRequester(request: JsonObject): Requester {
  const userInfo = objectAt(request, 'userInfo', 'request.userInfo');
  const groups = member(userInfo, 'groups') ?? [];
  if (!Array.isArray(groups))
    throw new Refusal('ReviewInvalid', 'request.userInfo.groups must be an array', 'request.userInfo.groups');
  return {
    username: textAt(userInfo, 'username', 'request.userInfo.username'),
    groups: groups.filter(group => typeof group === 'string'),
  };
}

function objectAt(object: JsonObject, key: string, path: string): JsonObject {
  const value = member(object, key);
  if (!isJsonObject(value))
    throw new Refusal('ReviewInvalid', `${path} must be an object, found ${kindOf(value)}`, path);
  return value;
}

function textAt(object: JsonObject, key: string, path = `request.${key}`): string {
  const value = member(object, key) ?? '';
  if (typeof value !== 'string')
    throw new Refusal('ReviewInvalid', `${path} must be a string, found ${kindOf(value)}`, path);
  return value;
}

function show(value: unknown): string {
  return typeof value === 'string' ? printable(JSON.stringify(value), 80) : kindOf(value);
}
