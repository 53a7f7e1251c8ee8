import { isJsonObject, member } from '../src/policy/json.ts';
import { REQUEST_UID } from './bodies.ts';
import type { Answer } from './connection.ts';

/**
 * Checks an answer: status 200, the uid echoed, allowed, and a patch that names the RuntimeClass.
 *
 * @throws {Error} saying what was wrong
 */
export function checkAnswer({ status, body }: Answer): void {
  const text = body.toString('utf8');
  if (status !== 200) throw new Error(`status ${status}: ${text.slice(0, 300)}`);
  const review: unknown = JSON.parse(text);
  const response = isJsonObject(review) ? member(review, 'response') : undefined;
  const { uid, allowed, patch } = isJsonObject(response) ? response : {};
  const operations: unknown = JSON.parse(Buffer.from(String(patch), 'base64').toString('utf8'));
  const isPatched = Array.isArray(operations) && operations.some(addsRuntimeClass);
  if (uid !== REQUEST_UID || allowed !== true || !isPatched) throw new Error(`not the answer: ${text.slice(0, 300)}`);
}

function addsRuntimeClass(operation: unknown): boolean {
  return isJsonObject(operation) && operation['path'] === '/spec/runtimeClassName' && operation['value'] === 'gvisor';
}
