import { isJsonObject, member } from './json.ts';
import { DEFAULT_HANDLER, OPT_OUT_VALUE } from './keys.ts';
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
    ...handlerFaults(profiles, index),
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
  if (known.includes(name) || name === OPT_OUT_VALUE) return undefined;
  const near = nearest(name, known);
  const hint = near === undefined ? `the profiles are ${[...new Set(known)].join(', ')}` : `did you mean "${near}"?`;
  return `"${name}" is no profile of this file; ${hint}`;
}

/** The flags are written into the one configuration of the handler, so they must be the same wherever it is named. */
function handlerFaults(profiles: readonly unknown[], index: number): readonly PolicyFault[] {
  const [handler, flags] = handlerOf(profiles[index]);
  const first = profiles.findIndex(profile => handlerOf(profile)[0] === handler);
  if (handlerOf(profiles[first])[1] === flags) return [];
  const message = `handler "${handler}" has other flags in profiles[${first}]; give them the same ones, or another handler`;
  return [{ path: ['profiles', index, 'runscFlags'], atKey: false, message }];
}

/** The handler of a profile and its flags in one comparable text. */
function handlerOf(profile: unknown): readonly [string, string] {
  const flags = isJsonObject(profile) ? member(profile, 'runscFlags') : undefined;
  const entries = Object.entries(isJsonObject(flags) ? flags : {}).map(([name, value]) =>
    JSON.stringify([name, String(value)]),
  );
  return [textAt(profile, 'handler') ?? DEFAULT_HANDLER, entries.toSorted().join()];
}

function listAt(object: { readonly [key: string]: unknown }, key: string): readonly unknown[] {
  const value = member(object, key);
  return Array.isArray(value) ? value : [];
}

function textAt(object: unknown, key: string): string | undefined {
  const value = isJsonObject(object) ? member(object, key) : undefined;
  return typeof value === 'string' ? value : undefined;
}
