import type { JsonObject } from '../../policy/json.ts';
import type { HandlerEntry } from './configuration.ts';
import { mergesImports } from './containerd-version.ts';
import { handlersOf } from './dump.ts';
import type { Place, PlaceFacts } from './find-place.ts';
import {
  CRI_SECTION_2,
  criSection,
  handlerTable,
  isOfGvisor,
  renderHandlerTables,
  withoutDefaults,
} from './handler-tables.ts';
import { rootVersion } from './judge-configuration.ts';
import { valueAt } from './toml.ts';

const KEPT_COMMENT =
  '# containerd 1 forgets the handlers it has by itself once a file names one: these are they, with the values that they had\n';

/**
 * The lines between our marks, with `\n` as line break.
 *
 * @param dump what `config dump` prints of the configuration as it is
 */
export function ownLines(
  facts: PlaceFacts,
  place: Place,
  { entries, dump }: { readonly entries: readonly HandlerEntry[]; readonly dump: string },
): string {
  const section = criSection(rootVersion(facts.inspected, facts.version));
  const kept = renderHandlerTables(section, keptTables(facts, place, { entries, dump }));
  const tables = Object.fromEntries(entries.map(entry => [entry.name, handlerTable(entry)]));
  return (kept === '' ? '' : `${KEPT_COMMENT}${kept}\n`) + renderHandlerTables(section, tables);
}

/**
 * The handlers that are not ours and have to be in our lines all the same. containerd 1 has one of its own, `runc`,
 * which is there only as long as no file has a table of handlers; so whoever adds the first one has to add that one too.
 * Once it is there it stays: containerd 2 does not need it, and it says there what it would say by itself.
 */
function keptTables(
  { version, inspected }: PlaceFacts,
  { file, method }: Place,
  { entries, dump }: { readonly entries: readonly HandlerEntry[]; readonly dump: string },
): JsonObject {
  const isEntry = (name: string): boolean => entries.some(entry => entry.name === name);
  if (file?.block !== undefined) {
    return Object.fromEntries(
      Object.entries(file.tables).filter(([name, table]) => !isEntry(name) && !isOfGvisor(table)),
    );
  }
  const tree = (method === 'template' ? inspected.root?.tree : file?.tree) ?? {};
  const hasHandlers = valueAt(tree, 'plugins', CRI_SECTION_2, 'containerd', 'runtimes') !== undefined;
  if (mergesImports(version) || hasHandlers) return {};
  const own = [...handlersOf(dump)].filter(([name]) => !isEntry(name));
  return Object.fromEntries(own.map(([name, { table }]) => [name, withoutDefaults(table)]));
}
