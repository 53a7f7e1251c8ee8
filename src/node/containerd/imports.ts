import type { JsonObject } from '../../policy/json.ts';
import { isUnion, parseToml, valueAt } from './toml.ts';

const ASSIGNMENT = /^[ \t]*(?:imports|"imports"|'imports')[ \t]*=[ \t]*(?=\[)/gm;

/**
 * The text with other values in its `imports`, and nothing else changed. A text without `imports` is returned as it is.
 *
 * @returns undefined when the values are written so that they cannot be found
 */
export function withImports(text: string, imports: readonly string[]): string | undefined {
  const parsed = parseToml(text);
  if ('fault' in parsed) return undefined;
  if (valueAt(parsed.tree, 'imports') === undefined) return text;
  const list = `[${imports.map(quote).join(', ')}]`;
  for (const match of text.matchAll(ASSIGNMENT)) {
    const start = match.index + match[0].length;
    const end = endOfArray(text, start);
    const changed = text.slice(0, start) + list + text.slice(end);
    // A line that looks like it may be inside another value, or in a table.
    if (end !== undefined && hasOnlyOtherImports(changed, parsed.tree, imports)) return changed;
  }
  return undefined;
}

/** Where the array ends that begins at an offset: at the first bracket with which it is one. */
function endOfArray(text: string, start: number): number | undefined {
  for (let end = text.indexOf(']', start); end !== -1; end = text.indexOf(']', end + 1)) {
    if ('tree' in parseToml(`imports = ${text.slice(start, end + 1)}`)) return end + 1;
  }
  return undefined;
}

function hasOnlyOtherImports(changed: string, tree: JsonObject, imports: readonly string[]): boolean {
  const result = parseToml(changed);
  return 'tree' in result && isUnion(result.tree, { ...tree, imports });
}

function quote(path: string): string {
  // Beyond JSON, TOML wants this one character escaped.
  return JSON.stringify(path).replaceAll('\u007f', '\\u007f');
}
