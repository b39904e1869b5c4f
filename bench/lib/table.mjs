/** A row's lines as Markdown (docs) or aligned text (terminal). */
const HEAD = ['what', 'backend', 'figure', 'reference in the same run', 'ratio', 'target', 'met'];

function cells({ what, subject, figure, reference, ratio, target, met }) {
  return [what, subject, figure, reference, ratio, target, met === null ? '' : met ? 'yes' : '**no**'];
}

export function markdownTable(lines) {
  return [HEAD, HEAD.map(() => '---'), ...lines.map(cells)].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export function textTable(lines) {
  const rows = [HEAD, ...lines.map(cells)].map((row) => row.map((cell) => cell.replaceAll('**', '')));
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
