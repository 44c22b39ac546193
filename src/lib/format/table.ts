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
  const longestWord = headers.map((_, column) =>
    Math.max(...all.flatMap((row) => (row[column] ?? '').split(' ').map((word) => stringWidth(word)))),
  );
  const widths = squeeze(natural, longestWord, width - GAP * (headers.length - 1));
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

/**
 * Take columns away until all fit: from the widest column that can be wrapped between words, and only when none is left
 * from the widest of all.
 */
function squeeze(natural: readonly number[], longestWord: readonly number[], room: number): number[] {
  const widths = [...natural];
  const takeFrom = (least: readonly number[]): boolean => {
    const spare = widths.map((columns, column) => (columns > (least[column] ?? 0) ? columns : 0));
    const widest = Math.max(...spare);
    if (widest === 0) return false;
    widths[spare.indexOf(widest)] = widest - 1;
    return true;
  };
  const narrowest = natural.map(() => NARROWEST);
  for (let excess = natural.reduce((sum, columns) => sum + columns, 0) - room; excess > 0; excess -= 1) {
    if (!takeFrom(longestWord) && !takeFrom(narrowest)) break;
  }
  return widths;
}
