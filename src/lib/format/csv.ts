/** Writes CSV (RFC 4180) that no spreadsheet takes for formulas. */
import { terminalSafe } from './escape.ts';

/** What a cell may be. Null is an empty cell; numbers and true or false are no texts and cannot be formulas. */
export type Cell = string | number | boolean | null;

/**
 * Where a spreadsheet may see a formula begin: at the start of a cell, and, where it splits at other characters than
 * commas, behind any of those, whatever blanks and quotes come in between.
 * https://owasp.org/www-community/attacks/CSV_Injection
 */
const FORMULA = /(^|[,;|])([\s"']*)(?=[=+\-@＝＋－＠])/g;

/**
 * A line of CSV, with its line break.
 * @param cells - what somebody else may have written is made text: control characters become visible escapes
 *   (`\x09`), and an apostrophe goes before what would begin a formula
 */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(',')}\r\n`;
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const safe = terminalSafe(cell.toWellFormed()).replace(FORMULA, "$1'$2");
  // Quotes around every text: what it holds cannot begin a cell of its own.
  return `"${safe.replaceAll('"', '""')}"`;
}
