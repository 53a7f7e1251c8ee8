import { parse, TomlError } from 'smol-toml';
import { isJsonObject, type JsonObject, member } from '../../policy/json.ts';

/** Where a text stops being TOML. */
export interface TomlFault {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  /** What is wrong, without a full stop. */
  readonly what: string;
}

/** A TOML text as a value, or why it is none. */
export type TomlResult = { readonly tree: JsonObject } | { readonly fault: TomlFault };

/** Parses TOML. Integers that a double cannot hold are bigints, dates are `Date` objects. */
export function parseToml(text: string): TomlResult {
  try {
    return { tree: parse(text, { integersAsBigInt: 'asNeeded' }) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    const what = (message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    return { fault: { line, column, what } };
  }
}

/** The value at a path of tables, or undefined when it is not there. */
export function valueAt(tree: JsonObject, ...path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const key of path) {
    if (!isJsonObject(value)) return undefined;
    value = member(value, key);
  }
  return value;
}

/** The table at a path of tables; empty when it is not there, or something else is. */
export function tableAt(tree: JsonObject, ...path: readonly string[]): JsonObject {
  const value = valueAt(tree, ...path);
  return isTable(value) ? value : {};
}

/** The strings of an array; empty when it is no array. */
export function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : [];
}

/** True for a table, and so not for a date. */
export function isTable(value: unknown): value is JsonObject {
  return isJsonObject(value) && !(value instanceof Date);
}

/** One table or other value of a tree. Arrays count as one value. */
export interface Leaf {
  readonly path: readonly string[];
  /** The value as text, the same for equal values; undefined for a table. */
  readonly value: string | undefined;
}

/** Every table and every other value of a tree, by its path as one text. */
export function leavesOf(tree: JsonObject): ReadonlyMap<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const collect = (value: unknown, path: readonly string[]): void => {
    leaves.set(pathText(path), { path, value: isTable(value) ? undefined : canonical(value) });
    if (!isTable(value)) return;
    for (const key of Object.keys(value)) collect(value[key], [...path, key]);
  };
  collect(tree, []);
  return leaves;
}

/** The key of a path in {@link leavesOf}. */
export function pathText(path: readonly string[]): string {
  return JSON.stringify(path);
}

/** True when a tree is what the parts are together, and nothing else. */
export function isUnion(tree: JsonObject, ...parts: readonly JsonObject[]): boolean {
  const leaves = leavesOf(tree);
  const expected = new Map(parts.flatMap(part => [...leavesOf(part)]));
  return (
    leaves.size === expected.size &&
    [...expected].every(([key, { value }]) => {
      const leaf = leaves.get(key);
      return leaf !== undefined && leaf.value === value;
    })
  );
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (isTable(value)) {
    const members = Object.keys(value).toSorted();
    return `{${members.map(key => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
  }
  // As words, since JSON has no infinity and no NaN.
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  return JSON.stringify(value) ?? String(value);
}
