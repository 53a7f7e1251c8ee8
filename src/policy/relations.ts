import { isJsonObject, member } from './json.ts';
import { nearest } from './nearest.ts';
import type { PolicyFault } from './policy-fault.ts';

/**
 * Faults between parts of a policy file that may each be valid: names that must be unique, names that must exist. It
 * looks at the document as it was written, so that these are reported together with the faults of shape.
 */
export function relationFaults(document: unknown): readonly PolicyFault[] {
  const profiles = isJsonObject(document) ? listAt(document, 'profiles') : [];
  const names = profiles.map(profile => textAt(profile, 'name'));
  const classes = profiles.map((profile, index) => textAt(profile, 'runtimeClassName') ?? names[index]);
  return profiles.flatMap((profile, index) => [
    ...duplicateFault(names, index, 'name'),
    ...duplicateFault(classes, index, 'runtimeClassName'),
    ...alternativeFaults(profile, index, names),
  ]);
}

function duplicateFault(values: readonly (string | undefined)[], index: number, key: string): readonly PolicyFault[] {
  const value = values[index];
  const first = values.indexOf(value);
  if (value === undefined || first === index) return [];
  const message = `"${value}" is taken by profiles[${first}]; it must be unique`;
  return [{ path: ['profiles', index, key], atKey: false, message }];
}

function alternativeFaults(
  profile: unknown,
  index: number,
  names: readonly (string | undefined)[],
): readonly PolicyFault[] {
  const known = names.filter(name => name !== undefined);
  const alternatives = isJsonObject(profile) ? listAt(profile, 'alternatives') : [];
  return alternatives.flatMap((name, position) => {
    const message = typeof name === 'string' ? alternativeFault(name, names[index], known) : undefined;
    return message === undefined
      ? []
      : [{ path: ['profiles', index, 'alternatives', position], atKey: false, message }];
  });
}

function alternativeFault(name: string, own: string | undefined, known: readonly string[]): string | undefined {
  if (name === own) return 'names its own profile; remove it';
  if (known.includes(name)) return undefined;
  const near = nearest(name, known);
  const hint = near === undefined ? `the profiles are ${[...new Set(known)].join(', ')}` : `did you mean "${near}"?`;
  return `"${name}" is no profile of this file; ${hint}`;
}

function listAt(object: { readonly [key: string]: unknown }, key: string): readonly unknown[] {
  const value = member(object, key);
  return Array.isArray(value) ? value : [];
}

function textAt(object: unknown, key: string): string | undefined {
  const value = isJsonObject(object) ? member(object, key) : undefined;
  return typeof value === 'string' ? value : undefined;
}
