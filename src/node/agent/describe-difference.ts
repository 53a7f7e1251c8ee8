/**
 * How a text differs from what it was, for a sentence that begins with its path. It counts lines and quotes none: a
 * containerd's configuration may hold the passwords of registries.
 */
export function describeDifference(before: string, after: string): string {
  const [old, young] = [before.split('\n'), after.split('\n')];
  const first = old.findIndex((line, index) => line !== young[index]);
  const gone = missingFrom(young, old);
  const added = missingFrom(old, young);
  const place = `line ${(first === -1 ? old.length : first) + 1}`;
  if (gone === 0 && added === 0) return `has the same lines in another order, from ${place} on`;
  const parts = [...(gone > 0 ? [`has lost ${lines(gone)}`] : []), ...(added > 0 ? [`has ${lines(added)} more`] : [])];
  return `${parts.join(' and ')}, from ${place} on`;
}

/** How many lines of a text another one lacks. */
function missingFrom(other: readonly string[], text: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const line of other) counts.set(line, (counts.get(line) ?? 0) + 1);
  return text.filter(line => {
    const left = counts.get(line) ?? 0;
    counts.set(line, left - 1);
    return left <= 0;
  }).length;
}

function lines(count: number): string {
  return count === 1 ? '1 line' : `${count} lines`;
}
