import { type JsonObject, member } from '../../policy/json.ts';
import { NodeError } from '../node-error.ts';
import { CRI_SECTION_2, CRI_SECTION_3, handlerTables } from './handler-tables.ts';
import { parseToml, stringsOf, tableAt, valueAt } from './toml.ts';

/**
 * What `containerd config dump` prints: the configuration as it is after all files were merged and brought to the newest
 * version that this containerd knows (2 for 1.7, 3 for 2.0 to 2.2, 4 from 2.3 on), with every default written out.
 */

/** One handler of a dump. */
export interface DumpedHandler {
  readonly runtimeType: string;
  /** The shim's path; empty when containerd looks for it by the runtime type. */
  readonly runtimePath: string;
  /** The shim's own configuration file; undefined when the options name none. */
  readonly configPath: string | undefined;
  readonly podAnnotations: readonly string[];
  readonly privilegedWithoutHostDevices: boolean;
  /** The whole table, as it was dumped. */
  readonly table: JsonObject;
}

/** A dump as a value. @throws {NodeError} ConfigurationInvalid when it is no TOML */
export function parseDump(dump: string): JsonObject {
  const result = parseToml(dump);
  if ('tree' in result) return result.tree;
  const { line, column, what } = result.fault;
  throw new NodeError('NodeRefused', {
    reason: 'ConfigurationInvalid',
    sentence: `line ${line}, column ${column} of what 'containerd config dump' prints is no TOML: ${what}`,
    hint: 'Look at what it prints: it should be the whole configuration and nothing else',
  });
}

/** The handlers of a dump, by name. @throws {NodeError} ConfigurationInvalid when it is no TOML */
export function handlersOf(dump: string): ReadonlyMap<string, DumpedHandler> {
  const tables = handlerTables(parseDump(dump));
  return new Map(Object.keys(tables).map(name => [name, handlerOf(tableAt(tables, name))]));
}

/** True when CRI gives containers SELinux labels, with which no Pod in gVisor starts. @throws {NodeError} as {@link handlersOf} */
export function enablesSELinux(dump: string): boolean {
  const tree = parseDump(dump);
  return [CRI_SECTION_2, CRI_SECTION_3].some(section => valueAt(tree, 'plugins', section, 'enable_selinux') === true);
}

/**
 * Whether the default handler has its cgroups made by systemd; undefined when it says nothing about it.
 *
 * @throws {NodeError} as {@link handlersOf}
 */
export function runcUsesSystemdCgroup(dump: string): boolean | undefined {
  const tree = parseDump(dump);
  const tables = handlerTables(tree);
  const names = [CRI_SECTION_2, CRI_SECTION_3].map(section =>
    valueAt(tree, 'plugins', section, 'containerd', 'default_runtime_name'),
  );
  const name = names.find(value => typeof value === 'string' && value !== '') ?? 'runc';
  const value = typeof name === 'string' ? valueAt(tables, name, 'options', 'SystemdCgroup') : undefined;
  return typeof value === 'boolean' ? value : undefined;
}

function handlerOf(table: JsonObject): DumpedHandler {
  const configPath = valueAt(table, 'options', 'ConfigPath');
  return {
    runtimeType: text(member(table, 'runtime_type')),
    runtimePath: text(member(table, 'runtime_path')),
    configPath: typeof configPath === 'string' ? configPath : undefined,
    podAnnotations: stringsOf(member(table, 'pod_annotations')),
    privilegedWithoutHostDevices: member(table, 'privileged_without_host_devices') === true,
    table,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
