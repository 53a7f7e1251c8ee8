import { isJsonObject, kindOf } from '../policy/json.ts';
import { literal, mapOf } from './backstop-cel.ts';

/**
 * A whole value of JSON as an expression. Kubernetes takes only maps and lists whose values are of one type, so each
 * value is of the type `dyn`.
 *
 * @throws {TypeError} for what is no JSON
 */
export function jsonLiteral(value: unknown): string {
  if (typeof value === 'string') return literal(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map(dynamic).join(', ')}]`;
  if (!isJsonObject(value)) throw new TypeError(`${kindOf(value)} has no place in a policy`);
  return mapOf(Object.entries(value).map(([key, item]) => [key, dynamic(item)] as const));
}

function dynamic(value: unknown): string {
  return `dyn(${jsonLiteral(value)})`;
}

/**
 * The keys of two maps at which they differ, as an expression: a list. It names no key, so that fields of later versions
 * of Kubernetes are compared too.
 *
 * @param now and `before`: expressions of maps of any type
 */
export function differingKeys(now: string, before: string): string {
  const isSame = `key in ${before} && ${before}[key] == ${now}[key]`;
  return `${now}.filter(key, !(${isSame})) + ${before}.filter(key, !(key in ${now}))`;
}
