import { printable } from '../policy/printable.ts';

/**
 * Rows as aligned columns, for people. Cells are made printable, since names in manifests and logs may hold escape
 * codes; the last column is not padded.
 *
 * @returns lines, each ended by a newline; the first holds the column names in capitals
 */
export function renderTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [
    columns.map(column => column.toUpperCase()),
    ...rows.map(row => row.map(cell => printable(cell, 300))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map(line => (line[index] ?? '').length)));
  return lines
    .map(line =>
      line.map((cell, index) => (index === line.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join('  '),
    )
    .map(line => `${line.trimEnd()}\n`)
    .join('');
}
