import { member } from './json.ts';
import type { Pod } from './pod.ts';
import type { Profile } from './policy.ts';
import { missingTolerations } from './tolerations.ts';

/** One JSON Patch operation (RFC 6902). Only `add` is ever used: nothing is removed or replaced. */
export interface PatchOperation {
  readonly op: 'add';
  /** JSON Pointer (RFC 6901) from the Pod. */
  readonly path: string;
  readonly value: unknown;
}

/**
 * What a Pod lacks to run as the profile says; empty when nothing is missing. A parent is added only when it is absent,
 * since `add` with a whole map replaces one (apiserver: pkg/admission/plugin/webhook/patch/json_patch_test.go), and
 * there is no `test` operation, since a patch that does not apply rejects the Pod even under `failurePolicy: Ignore`.
 * The Pod must not contradict the profile: rows 7 and 9 of the precedence table come first.
 */
export function buildPatch(pod: Pod, profile: Profile): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  if (pod.runtimeClassName === undefined) {
    operations.push({ op: 'add', path: '/spec/runtimeClassName', value: profile.runtimeClassName });
  }
  addNodeSelector(operations, pod, profile);
  addTolerations(operations, pod, profile);
  return operations;
}

/** A key as one token of a JSON Pointer. */
export function escapePointerToken(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function addNodeSelector(operations: PatchOperation[], { nodeSelector }: Pod, profile: Profile): void {
  const wanted = Object.entries(profile.nodeSelector);
  if (nodeSelector === undefined) {
    if (wanted.length > 0) operations.push({ op: 'add', path: '/spec/nodeSelector', value: profile.nodeSelector });
    return;
  }
  for (const [key, value] of wanted) {
    if (member(nodeSelector, key) === undefined) {
      operations.push({ op: 'add', path: `/spec/nodeSelector/${escapePointerToken(key)}`, value });
    }
  }
}

function addTolerations(operations: PatchOperation[], { tolerations }: Pod, profile: Profile): void {
  const missing = missingTolerations(tolerations ?? [], profile.tolerations);
  if (tolerations === undefined) {
    if (missing.length > 0) operations.push({ op: 'add', path: '/spec/tolerations', value: missing });
    return;
  }
  for (const value of missing) operations.push({ op: 'add', path: '/spec/tolerations/-', value });
}
