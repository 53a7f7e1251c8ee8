import { nearest } from '../../policy/nearest.ts';
import { printable } from '../../policy/printable.ts';
import type { Refusal } from '../reason.ts';

/** Flags that would end runsc at once, or take away from the shim what it gives itself (gvisor: pkg/shim/v1/runsccmd). */
const NOT_FOR_A_HANDLER = {
  h: 'it makes runsc print its help and nothing else',
  help: 'it makes runsc print its help and nothing else',
  version: 'it makes runsc print its version and nothing else',
  root: 'the shim sets it, and finds its sandboxes there',
  log: "the shim sets it, and reads runsc's errors there",
  'log-format': "the shim sets it, and reads runsc's errors in that form",
} as const satisfies Readonly<Record<string, string>>;

const LONGEST_NAME = 80;

/**
 * The release that `runsc --version` names, without `release-`: `20260914.0`, or for a build from the Go module its
 * version, such as `v0.0.0-20260701204157-69c2d17aea96`. Undefined when the output has no such line.
 */
export function parseRunscVersion(output: string): string | undefined {
  return /^runsc version (?:release-)?(v?\d[A-Za-z0-9._+-]*)\r?$/m.exec(output)?.[1];
}

/**
 * The names of the flags that `runsc flags` lists, which is the form of Go's flag package: two spaces, a dash, the name,
 * and the type unless it is a boolean. Continued descriptions begin with spaces and a tab.
 */
export function parseRunscFlags(output: string): readonly string[] {
  return [...output.matchAll(/^ {2}-([A-Za-z0-9][A-Za-z0-9_-]*)(?=[ \t\r\n]|$)/gm)].map(([, name]) => name ?? '');
}

/**
 * A refusal for each flag that this release does not know, or that is not for a handler's configuration. An unknown flag
 * fails every Pod of the handler, as runsc then does not start at all.
 */
export function unknownFlags(flags: Readonly<Record<string, string>>, known: readonly string[]): readonly Refusal[] {
  return Object.keys(flags).flatMap((name): readonly Refusal[] => {
    const why = Object.entries(NOT_FOR_A_HANDLER).find(([reserved]) => reserved === name)?.[1];
    if (why !== undefined) {
      const sentence = `flag '${name}' is not for a handler: ${why}`;
      return [{ reason: 'RunscFlagInvalid', sentence, hint: 'Take it out of runscFlags' }];
    }
    if (known.includes(name)) return [];
    const shown = printable(name, LONGEST_NAME);
    const near = nearest(name, known);
    const hint = near === undefined ? `'runsc flags' lists those that it knows` : `Did you mean '${near}'?`;
    return [{ reason: 'RunscFlagUnknown', sentence: `this release of runsc has no flag '${shown}'`, hint }];
  });
}
