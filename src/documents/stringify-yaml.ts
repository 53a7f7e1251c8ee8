import { stringify } from 'yaml';

/** A value as YAML for people: block style, no folding, no aliases. */
export function stringifyYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
