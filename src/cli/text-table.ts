// Columns of text for a terminal: each as wide as its longest cell, the last one as long as it likes.
export function textTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => (column === titles.length - 1 ? 0 : (row[column] ?? '').length))));
  return [titles, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
