import type { JsonObject } from '../../policy/json.ts';
import { printable } from '../../policy/printable.ts';
import type { HandlerEntry } from './configuration.ts';
import { parseDump } from './dump.ts';
import { CRI_SECTION_2, CRI_SECTION_3, handlerTable, handlerTables } from './handler-tables.ts';
import { type Leaf, leavesOf, pathText, tableAt, valueAt } from './toml.ts';

/** What a change of the configuration must come to. */
export interface DumpComparison {
  /** What `config dump` prints now. */
  readonly before: string;
  /** What it prints of the candidate. */
  readonly after: string;
  /** Our handlers that must be there afterwards, as they are given. */
  readonly entries: readonly HandlerEntry[];
  /** Names of our handlers that must be gone afterwards. */
  readonly removed: readonly string[];
}

const VALUE_LENGTH = 60;
const PATH_LENGTH = 200;
/** Tables whose values may be credentials: only their paths are named. */
const SECRET_TABLES: readonly string[] = ['registry', 'auth', 'headers', 'env', 'args'];
const SECRET_KEY = /pass|secret|token|auth|credential|header|cookie|key/i;
/** How a value that nobody set is written. */
const ZERO_VALUES: readonly (string | undefined)[] = ['""', '0', 'false', '[]'];

/**
 * The differences between what containerd says now and what it would say, in words; empty when only our handlers differ
 * and are as they should be. `imports` are left out: the candidate's differ of need.
 *
 * @throws {NodeError} ConfigurationInvalid when one is no TOML
 */
export function compareDumps({ before, after, entries, removed }: DumpComparison): readonly string[] {
  const [treeBefore, treeAfter] = [parseDump(before), parseDump(after)];
  const own = [...entries.map(({ name }) => name), ...removed];
  return [
    ...entries.flatMap(entry => wrongValues(entry, treeAfter)),
    ...removed
      .filter(name => valueAt(handlerTables(treeAfter), name) !== undefined)
      .map(name => `the handler ${name} would still be there`),
    ...otherDifferences(leavesOf(treeBefore), leavesOf(treeAfter), own),
  ];
}

/** What of an entry is not in the dump as it was given. */
function wrongValues(entry: HandlerEntry, tree: JsonObject): readonly string[] {
  const tables = handlerTables(tree);
  if (valueAt(tables, entry.name) === undefined) return [`the handler ${entry.name} would not be there`];
  const found = leavesOf(tableAt(tables, entry.name));
  return [...leavesOf(handlerTable(entry))]
    .filter(([key, { value }]) => found.get(key)?.value !== value)
    .map(([, { path }]) => `the handler ${entry.name} would have another ${path.join('.')}`);
}

type Leaves = ReadonlyMap<string, Leaf>;

function otherDifferences(before: Leaves, after: Leaves, own: readonly string[]): readonly string[] {
  return [...new Map([...before, ...after])].flatMap(([key, { path }]) => {
    const [from, to] = [before.get(key), after.get(key)];
    if (from !== undefined && to !== undefined && from.value === to.value) return [];
    if (isLeftOut(path, own) || isSameOption(path, from, to)) return [];
    // A table that comes or goes is named once, and not again with everything in it.
    const parent = pathText(path.slice(0, -1));
    if (before.has(parent) !== after.has(parent)) return [];
    return [describe(path, from, to)];
  });
}

function isLeftOut(path: readonly string[], own: readonly string[]): boolean {
  return path[0] === 'imports' || (isInHandler(path) && own.includes(path[4] ?? ''));
}

function isInHandler([plugins, section = '', containerd, runtimes, name]: readonly string[]): boolean {
  return (
    plugins === 'plugins' &&
    [CRI_SECTION_2, CRI_SECTION_3].includes(section) &&
    containerd === 'containerd' &&
    runtimes === 'runtimes' &&
    name !== undefined
  );
}

/**
 * An option that is not there and one that has no value say the same: they become fields of one message. containerd 1.7
 * dumps more of runc's unset options than 2.x has defaults for.
 */
function isSameOption(path: readonly string[], from: Leaf | undefined, to: Leaf | undefined): boolean {
  if (!isInHandler(path) || path[5] !== 'options' || path.length !== 7) return false;
  return (from === undefined || to === undefined) && ZERO_VALUES.includes((from ?? to)?.value);
}

function describe(path: readonly string[], from: Leaf | undefined, to: Leaf | undefined): string {
  const name = printable(path.map(quoteKey).join('.'), PATH_LENGTH);
  if (from === undefined) return `${name} would be new${shown(path, to, ': ')}`;
  if (to === undefined) return `${name} would be gone${shown(path, from, ': ')}`;
  const [old, changed] = [shown(path, from), shown(path, to)];
  return old === '' || changed === '' ? `${name} would change` : `${name} would change from ${old} to ${changed}`;
}

function quoteKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

/** A value for a message; empty for a table, and for what may be a secret. */
function shown(path: readonly string[], leaf: Leaf | undefined, before = ''): string {
  const isSecret = path.some(key => SECRET_TABLES.includes(key)) || SECRET_KEY.test(path.at(-1) ?? '');
  return leaf?.value === undefined || isSecret ? '' : before + printable(leaf.value, VALUE_LENGTH);
}
