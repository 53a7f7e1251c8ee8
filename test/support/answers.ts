import type { ChildProcess } from 'node:child_process';
import { isJsonObject } from '../../src/policy/json.ts';
import type { PatchOperation } from '../../src/policy/patch.ts';
import { parseObject } from './webhook.ts';

/** The `response` of an AdmissionReview. */
export function responseOf(text: string): Record<string, unknown> {
  return parseObject(JSON.stringify(parseObject(text)['response']));
}

/** The JSON Patch of a response; empty when there is none. */
export function patchOf(response: Record<string, unknown>): readonly PatchOperation[] {
  const { patch } = response;
  if (patch === undefined) return [];
  if (typeof patch !== 'string') throw new TypeError('a patch is a base64 string');
  const operations: unknown = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
  if (!Array.isArray(operations)) throw new TypeError('a JSON Patch is an array');
  return operations.filter(isJsonObject).map(({ op, path, value }) => {
    if (op !== 'add' || typeof path !== 'string') throw new TypeError(`only add is allowed: ${JSON.stringify(op)}`);
    return { op, path, value };
  });
}

/** The exit code of a child, once it has one. */
export async function exitCode(child: ChildProcess): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('exit', code => resolve(code));
  return await promise;
}
