import { isJsonObject, member } from '../policy/json.ts';
import { auditKey, OPT_OUT_ALLOWED, optOutKey } from '../policy/keys.ts';
import { nearest } from '../policy/nearest.ts';
import type { Policy } from '../policy/policy.ts';
import { list, quote } from '../policy/rule.ts';
import type { ManifestPod, Manifests, Place, PlacedObject } from './read-manifests.ts';

/** A key that does not do what its author meant. */
export interface KeyWarning {
  readonly place: Place;
  /** What is wrong and which key to use instead; one line. */
  readonly message: string;
}

/** Sandbox keys among a Namespace's annotations, and sandbox labels of a Namespace with a value that does nothing. */
export function namespaceWarnings({ objects }: Manifests, policy: Policy): readonly KeyWarning[] {
  return objects
    .filter(({ object }) => object.kind === 'Namespace' && object.apiVersion === 'v1')
    .flatMap(placed => [
      ...annotationWarnings(placed, policy),
      ...labelWarnings(placed, policy),
      ...optOutWarnings(placed, policy),
    ]);
}

/** The sandbox key among the labels of a Pod; undefined where it is not. */
export function podLabelWarning({ labels }: ManifestPod, { sandboxKey }: Policy): string | undefined {
  if (labels === undefined || member(labels, sandboxKey) === undefined) return undefined;
  return `label ${quote(sandboxKey)} does nothing on a Pod; write it among metadata.annotations`;
}

function annotationWarnings({ object, place }: PlacedObject, policy: Policy): readonly KeyWarning[] {
  const annotations = metadataMap(object.value, 'annotations');
  return namespaceKeys(policy)
    .filter(key => member(annotations, key) !== undefined)
    .map(key => ({
      place,
      message: `annotation ${quote(key)} does nothing on a Namespace; write it among metadata.labels`,
    }));
}

function labelWarnings({ object, place }: PlacedObject, policy: Policy): readonly KeyWarning[] {
  const labels = metadataMap(object.value, 'labels');
  const known = policy.profiles.map(({ name }) => name);
  return [policy.sandboxKey, auditKey(policy.sandboxKey)].flatMap(key => {
    const value = member(labels, key);
    if (value === undefined || known.some(name => name === value)) return [];
    const near = typeof value === 'string' ? nearest(value.trim(), known) : undefined;
    const suggestion = near === undefined ? '' : `did you mean ${quote(near)}? `;
    return [
      { place, message: `label ${key}=${quote(value)} names no profile; ${suggestion}the profiles are ${list(known)}` },
    ];
  });
}

function optOutWarnings({ object, place }: PlacedObject, { sandboxKey }: Policy): readonly KeyWarning[] {
  const key = optOutKey(sandboxKey);
  const value = member(metadataMap(object.value, 'labels'), key);
  if (value === undefined || value === OPT_OUT_ALLOWED) return [];
  const message = `label ${key}=${quote(value)} does nothing; only ${quote(OPT_OUT_ALLOWED)} lets Pods opt out`;
  return [{ place, message }];
}

function namespaceKeys({ sandboxKey }: Policy): readonly string[] {
  return [sandboxKey, auditKey(sandboxKey), optOutKey(sandboxKey)];
}

function metadataMap(value: PlacedObject['object']['value'], key: string) {
  const metadata = member(value, 'metadata');
  const map = isJsonObject(metadata) ? member(metadata, key) : undefined;
  return isJsonObject(map) ? map : {};
}
