import type { WireValue } from './wire-value.ts';

/** Properties of a unit that is made for one purpose and is in no file: name to a signature and a value. */
export type UnitProperties = Readonly<Record<string, readonly [signature: string, value: WireValue]>>;

/** Signature of the arguments of `StartTransientUnit`. */
export const START_TRANSIENT_UNIT = 'ssa(sv)a(sa(sv))';

/** Arguments of `StartTransientUnit`, for a unit without auxiliary ones. */
export function transientUnit(name: string, properties: UnitProperties): readonly WireValue[] {
  const list = Object.entries(properties).map(([property, [signature, value]]) => [property, { signature, value }]);
  return [name, 'fail', list, []];
}

/**
 * The value of `ExecStart` for one command: path, arguments, and whether its failure does not count. systemd would put
 * variables of the environment into the arguments, and takes `$$` for `$`.
 */
export function execStart(command: readonly [string, ...string[]]): readonly [signature: string, value: WireValue] {
  const words = command.map(word => word.replaceAll('$', '$$$$'));
  return ['a(sasb)', [[command[0], words, false]]];
}

/** A time as systemd has it. */
export function microseconds(seconds: number): readonly [signature: string, value: bigint] {
  return ['t', BigInt(Math.round(seconds * 1_000_000))];
}
