import { parseArgs } from 'node:util';
import { UserError } from '../errors/user-error.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import { nearest } from '../policy/nearest.ts';

/** How a flag is written: `string` takes a value, `strings` one each time it is given, `boolean` none. */
export type FlagKind = 'string' | 'strings' | 'boolean';

/** The values of flags, by name; a flag that was not given is absent. */
export type Flags<Spec extends Record<string, FlagKind>> = {
  readonly [Name in keyof Spec]?: Spec[Name] extends 'boolean'
    ? boolean
    : Spec[Name] extends 'strings'
      ? string[]
      : string;
};

/** What `parseFlags` is told about a command. */
export interface FlagSyntax<Spec extends Record<string, FlagKind>> {
  /** The command's name, for messages. */
  readonly command: string;
  readonly flags: Spec;
  /** One-letter names. */
  readonly short?: Readonly<Record<string, keyof Spec & string>>;
}

const PARSE_OPTIONS = {
  string: { type: 'string' },
  strings: { type: 'string', multiple: true },
  boolean: { type: 'boolean' },
} as const;

/** A DNS-1123 label that leaves room for the suffix `-proof`, and none that Kubernetes keeps for itself. */
const NAMESPACE = /^(?!kube-)[a-z0-9]([a-z0-9-]{0,55}[a-z0-9])?$/;

/**
 * Parses the arguments of a command. Positional arguments are refused: every input has a flag.
 *
 * @throws {UserError} BadUsage, naming the flag and the nearest known one
 */
export function parseFlags<const Spec extends Record<string, FlagKind>>(
  args: readonly string[],
  { command, flags, short = {} }: FlagSyntax<Spec>,
): Flags<Spec> {
  const letters = Object.fromEntries(Object.entries(short).map(([letter, name]) => [name, letter]));
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, kind]) => [
      name,
      { ...PARSE_OPTIONS[kind], ...(letters[name] === undefined ? {} : { short: letters[name] }) },
    ]),
  );
  const { values, tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const known = Object.keys(flags);
  for (const token of tokens) {
    if (token.kind === 'positional') {
      throw usageError(command, `Unexpected argument '${token.value}'`, 'Every input has a flag, such as -f FILE');
    }
    if (token.kind === 'option') checkOption(command, token, flags[token.name], known);
  }
  // Every value was just checked against its kind, which parseArgs in this mode does not do.
  return narrow(values, flags);
}

/** A usage error with the way to the command's help. */
export function usageError(command: string, message: string, hint?: string): UserError {
  const help = `Run 'gvisor-injector ${command} --help' for its flags`;
  if (hint === undefined) return new UserError('BadUsage', message, { hint: help });
  return new UserError('BadUsage', message, { hint: `${hint}${hint.endsWith('?') ? '' : '.'} ${help}` });
}

/**
 * A flag's value as a whole number.
 *
 * @throws {UserError} BadUsage when it is no whole number from `minimum` to `maximum`
 */
export function integerFlag(
  command: string,
  { name, value, minimum, maximum }: { name: string; value: string; minimum: number; maximum: number },
): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= minimum && number <= maximum)) {
    throw usageError(command, `--${name} must be a whole number from ${minimum} to ${maximum}, not '${value}'`);
  }
  return number;
}

/**
 * A flag's value as one of a few words.
 *
 * @throws {UserError} BadUsage with the words and the nearest of them
 */
export function choiceFlag<const Choice extends string>(
  command: string,
  { name, value, choices }: { name: string; value: string; choices: readonly Choice[] },
): Choice {
  const choice = choices.find(candidate => candidate === value);
  if (choice !== undefined) return choice;
  const near = nearest(value, choices);
  throw usageError(
    command,
    `--${name} must be one of ${choices.join(', ')}, not '${value}'`,
    near === undefined ? undefined : `Did you mean '${near}'?`,
  );
}

/**
 * The value of `--namespace`: where the product itself runs.
 *
 * @param value undefined for {@link DEFAULT_NAMESPACE}
 * @throws {UserError} BadUsage when the product cannot run in such a namespace
 */
export function namespaceFlag(command: string, value: string | undefined): string {
  const namespace = value ?? DEFAULT_NAMESPACE;
  if (NAMESPACE.test(namespace) && namespace !== 'default') return namespace;
  throw usageError(
    command,
    `--namespace must be a DNS-1123 label of at most 57 characters, neither default nor kube-*, not '${namespace}'`,
  );
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function checkOption(command: string, token: OptionToken, kind: FlagKind | undefined, known: readonly string[]): void {
  const { rawName, value } = token;
  if (kind === undefined) {
    const near = nearest(token.name, known);
    throw usageError(
      command,
      `Unknown flag '${rawName}'`,
      near === undefined ? undefined : `Did you mean '--${near}'?`,
    );
  }
  if (kind === 'boolean' && value !== undefined) throw usageError(command, `Flag '${rawName}' takes no value`);
  if (kind !== 'boolean' && (value === undefined || value === '')) {
    throw usageError(command, `Flag '${rawName}' needs a value`);
  }
}

type RawValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

function narrow<Spec extends Record<string, FlagKind>>(values: RawValues, flags: Spec): Flags<Spec> {
  const isFlags = (candidate: RawValues): candidate is RawValues & Flags<Spec> =>
    Object.keys(candidate).every(name => Object.hasOwn(flags, name));
  if (!isFlags(values)) throw new TypeError('parseArgs returned a flag that is not in the table');
  return values;
}
