import { DEFAULT_OVERHEAD } from '../../src/policy/validate.ts';

/** The default overhead of a sandbox, in numbers. */
export const OVERHEAD_MEBIBYTES = numberOf(DEFAULT_OVERHEAD.memory, 'Mi');
export const OVERHEAD_MILLICORES = numberOf(DEFAULT_OVERHEAD.cpu, 'm');

export const MEBIBYTE = 1024 * 1024;

/** @throws {RangeError} when the quantity has another unit */
function numberOf(quantity: string, unit: string): number {
  const number = Number(quantity.slice(0, -unit.length));
  if (!quantity.endsWith(unit) || Number.isNaN(number)) throw new RangeError(`${quantity} is not in ${unit}`);
  return number;
}
