/** Lines of a tree by the names of its entries, each as a head and what it holds. */
type Entries = ReadonlyMap<string, { readonly head: string; readonly line: string }>;

/**
 * What differs between two trees of `treeOf()`, one line an entry and sorted: `+`, `-` or `~` and the entry as it is
 * afterwards (`-`: as it was) without its content, such as `+ folder 755 0:0 opt`.
 */
export function treeDifference(before: readonly string[], after: readonly string[]): readonly string[] {
  const [old, current] = [entriesOf(before), entriesOf(after)];
  const gone = [...old].flatMap(([name, { head }]) => (current.has(name) ? [] : [`- ${head}`]));
  const others = [...current].flatMap(([name, { head, line }]) => {
    const former = old.get(name);
    if (former === undefined) return [`+ ${head}`];
    return former.line === line ? [] : [`~ ${head}`];
  });
  return [...gone, ...others].toSorted();
}

/** An entry of a tree without its content, such as `file 644 0:0 opt/a`; undefined when it is not there. */
export function entryOf(tree: readonly string[], name: string): string | undefined {
  return entriesOf(tree).get(name)?.head;
}

function entriesOf(tree: readonly string[]): Entries {
  return new Map(
    tree.map(line => {
      const words = line.split(' ');
      const isLink = words[0] === 'link';
      const head = isLink ? line : words.slice(0, 4).join(' ');
      return [words[isLink ? 1 : 3] ?? '', { head, line }];
    }),
  );
}
