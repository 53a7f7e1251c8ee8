import { isJsonObject, type JsonObject, member } from './json.ts';
import type { Toleration } from './policy.ts';

/**
 * The tolerations that a Pod still lacks. Tolerations are a set: one that the Pod has, or that a wider one of the Pod
 * covers, is not added again.
 *
 * @param present the Pod's tolerations as raw JSON
 * @param wanted the profile's
 */
export function missingTolerations(present: readonly unknown[], wanted: readonly Toleration[]): readonly Toleration[] {
  const missing: Toleration[] = [];
  for (const toleration of wanted) {
    const covered = [...present, ...missing].some(other => covers(other, toleration));
    if (!covered) missing.push(toleration);
  }
  return missing;
}

/**
 * True when every taint that `wanted` tolerates is tolerated by `present` at least as long. An empty key with Exists
 * tolerates every taint, an empty effect every effect, an empty operator is Equal (kubernetes: core/v1 Toleration).
 */
function covers(present: unknown, wanted: Toleration): boolean {
  if (!isJsonObject(present)) return false;
  return coversEffect(present, wanted) && coversKeyAndValue(present, wanted) && coversTime(present, wanted);
}

function coversEffect(present: JsonObject, wanted: Toleration): boolean {
  const effect = member(present, 'effect') ?? '';
  return effect === '' || effect === wanted.effect;
}

function coversKeyAndValue(present: JsonObject, wanted: Toleration): boolean {
  const key = member(present, 'key') ?? '';
  const operator = member(present, 'operator') || 'Equal';
  if (operator === 'Exists') return key === '' || key === wanted.key;
  if (operator !== 'Equal' || (wanted.operator ?? 'Equal') !== 'Equal') return false;
  return key === (wanted.key ?? '') && (member(present, 'value') ?? '') === (wanted.value ?? '');
}

/** `tolerationSeconds` limits only NoExecute; without it a toleration lasts for ever. */
function coversTime(present: JsonObject, wanted: Toleration): boolean {
  const seconds = member(present, 'tolerationSeconds');
  if (seconds === undefined || (wanted.effect !== undefined && wanted.effect !== 'NoExecute')) return true;
  return typeof seconds === 'number' && wanted.tolerationSeconds !== undefined && seconds >= wanted.tolerationSeconds;
}
