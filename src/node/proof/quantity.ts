const MULTIPLIERS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * A quantity of Kubernetes as a number: bytes, or processors (apimachinery: pkg/api/resource). Undefined for what is
 * none, or larger than any limit.
 */
export function quantityOf(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const [, number = '', suffix = ''] = /^(\d+(?:\.\d*)?(?:[eE]\d{1,2})?)([a-zA-Z]*)$/.exec(String(value)) ?? [];
  const multiplier = Object.hasOwn(MULTIPLIERS, suffix) ? MULTIPLIERS[suffix] : undefined;
  return number === '' || multiplier === undefined ? undefined : Number(number) * multiplier;
}
