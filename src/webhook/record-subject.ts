import { isJsonObject, type JsonObject, member } from '../policy/json.ts';
import type { ClientCertificate, RecordSubject } from '../record/decision-record.ts';
import type { AdmissionRequest } from './admission-review.ts';

/** Who and what a record is about: names only, whatever else the Pod holds. */
export function recordSubject(request: AdmissionRequest, clientCertificate: ClientCertificate): RecordSubject {
  const metadata = objectOf(request.object, 'metadata') ?? {};
  const owner = controllingOwner(member(metadata, 'ownerReferences'));
  const name = request.name === '' ? textOf(metadata, 'name') : request.name;
  return {
    requestUid: request.uid,
    namespace: request.namespace,
    name,
    // The API server puts the final name into the object of later calls and keeps the prefix beside it.
    generateName: name === undefined || name === '' ? textOf(metadata, 'generateName') : undefined,
    ownerKind: owner && textOf(owner, 'kind'),
    ownerName: owner && textOf(owner, 'name'),
    requester: request.requester.username,
    clientCertificate,
    dryRun: request.dryRun,
  };
}

/** The owner that manages the Pod, or else the first one. */
function controllingOwner(references: unknown): JsonObject | undefined {
  const owners = Array.isArray(references) ? references.filter(isJsonObject) : [];
  return owners.find(owner => owner['controller'] === true) ?? owners[0];
}

function objectOf(value: unknown, key: string): JsonObject | undefined {
  const found = isJsonObject(value) ? member(value, key) : undefined;
  return isJsonObject(found) ? found : undefined;
}

function textOf(object: JsonObject, key: string): string | undefined {
  const value = member(object, key);
  return typeof value === 'string' ? value : undefined;
}
