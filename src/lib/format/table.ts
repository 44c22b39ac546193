import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/** Columns between two columns of text. */
const GAP = 2;

/** A column is not squeezed below this, whatever the terminal. */
const NARROWEST = 8;

/**
 * Draw a table without lines: columns aligned, long cells wrapped (never cut) so that it fits the width.
 * @param headers - one text a column
 * @param rows - cells, each safe to print (see `terminalSafe`); may hold colour codes
 * @param width - columns of the terminal
 * @returns lines joined by newlines, without one at the end, without spaces at line ends
 */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const all = [headers, ...rows];
  const natural = headers.map((_, column) => Math.max(...all.map((row) => stringWidth(row[column] ?? ''))));
  const widths = squeeze(natural, width - GAP * (headers.length - 1));
  return all
    .flatMap((row) => {
      const cells = widths.map((columns, column) => wrapAnsi(row[column] ?? '', columns, { hard: true }).split('\n'));
      const height = Math.max(...cells.map((lines) => lines.length));
      return Array.from({ length: height }, (_, line) =>
        widths
          .map((columns, column) => pad(cells[column]?.[line] ?? '', columns))
          .join(' '.repeat(GAP))
          .trimEnd(),
      );
    })
    .join('\n');
}

const pad = (text: string, columns: number) => text + ' '.repeat(Math.max(0, columns - stringWidth(text)));

/** Take columns from the widest until all fit, or none can give more. */
function squeeze(natural: readonly number[], room: number): number[] {
  const widths = [...natural];
  for (let excess = widths.reduce((sum, columns) => sum + columns, 0) - room; excess > 0; excess -= 1) {
    const widest = widths.indexOf(Math.max(...widths));
    const columns = widths[widest] ?? 0;
    if (columns <= NARROWEST) break;
    widths[widest] = columns - 1;
  }
  return widths;
}
