import { stringify } from 'smol-toml';
import { isJsonObject, type JsonObject } from '../../policy/json.ts';
import type { HandlerEntry } from './configuration.ts';
import { isTable, tableAt, valueAt } from './toml.ts';

/** The runtime type of gVisor's shim: containerd starts `containerd-shim-runsc-v1` for it. */
export const GVISOR_RUNTIME_TYPE = 'io.containerd.runsc.v1';
const OPTIONS_TYPE = 'io.containerd.runsc.v1.options';

/** The section of CRI in configuration files of version 2. */
export const CRI_SECTION_2 = 'io.containerd.grpc.v1.cri';
/** The section of CRI's runtimes in configuration files of version 3 and 4. */
export const CRI_SECTION_3 = 'io.containerd.cri.v1.runtime';

/** The section that holds the handlers, in a file of this version. */
export function criSection(version: number): string {
  return version >= 3 ? CRI_SECTION_3 : CRI_SECTION_2;
}

/** The tables of all handlers in a file or a dump, of whichever section. */
export function handlerTables(tree: JsonObject): JsonObject {
  const tables = [CRI_SECTION_2, CRI_SECTION_3].map(section =>
    tableAt(tree, 'plugins', section, 'containerd', 'runtimes'),
  );
  return Object.fromEntries(tables.flatMap(table => Object.entries(table)));
}

/** The TOML of some handlers' tables in a section, with `\n` as line break and one at the end; empty for none. */
export function renderHandlerTables(section: string, tables: JsonObject): string {
  if (Object.keys(tables).length === 0) return '';
  return stringify({ plugins: { [section]: { containerd: { runtimes: tables } } } });
}

/**
 * The table of one handler of ours. `privileged_without_host_devices`: a privileged container would else be given the
 * devices of the host, which the sandbox cannot use; the gVisor shim reads nothing but ConfigPath from the options.
 */
export function handlerTable({ runtimePath, configPath, podAnnotations }: HandlerEntry): JsonObject {
  return {
    runtime_type: GVISOR_RUNTIME_TYPE,
    runtime_path: runtimePath,
    pod_annotations: podAnnotations,
    privileged_without_host_devices: true,
    options: { TypeUrl: OPTIONS_TYPE, ConfigPath: configPath },
  };
}

/**
 * A handler's table out of a dump, as a file has to say it so that the dump stays the same: values that containerd
 * fills in by itself are left out, but for the options, which it passes on as they are.
 */
export function withoutDefaults(table: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(table).filter(([key, value]) => key === 'options' || !isZero(value)));
}

/** True for what a Go program has in a field that nobody set. */
export function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return isTable(value) && Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}

/** True for a handler's table that says gVisor's runtime type. */
export function isOfGvisor(table: unknown): boolean {
  return isTable(table) && valueAt(table, 'runtime_type') === GVISOR_RUNTIME_TYPE;
}
