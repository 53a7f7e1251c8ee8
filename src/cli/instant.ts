import { usageError } from './flags.ts';

/** A duration such as `90s`, `15m`, `1h` or `7d`. */
const DURATION = /^(\d{1,6})([smhd])$/;

const UNIT_MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** RFC 3339 with its offset: a time without one would mean something else on every machine. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/**
 * A flag's value as a moment: an RFC 3339 time, or a duration before now.
 *
 * @returns milliseconds since the epoch
 * @throws {UserError} BadUsage when it is neither
 */
export function instantFlag(
  command: string,
  { name, value, now }: { readonly name: string; readonly value: string; readonly now: Date },
): number {
  const [, amount, unit = ''] = DURATION.exec(value) ?? [];
  if (amount !== undefined) return now.getTime() - Number(amount) * (UNIT_MILLISECONDS[unit] ?? Number.NaN);
  const time = RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw usageError(
    command,
    `--${name} must be a duration such as 90s, 15m, 1h or 7d, or a time such as ${now.toISOString()}, not '${value}'`,
  );
}
