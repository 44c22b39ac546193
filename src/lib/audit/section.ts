/** A part of what a command draws: a title, and rows below it. */
import type { Canvas } from '../format/canvas.ts';
import { table } from '../format/table.ts';

/** Stands for a space at which no line is broken. */
export const NO_BREAK = '\u00a0';

/**
 * Draw a table in which a cell is broken only where it may be.
 * @param headers - one text a column; empty for a table without a head
 * @param rows - cells, each safe to print; {@link NO_BREAK} in them becomes a space
 */
export function drawTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  { ink, width }: Canvas,
): string {
  const bare = headers.length === 0;
  const head = bare ? Array.from({ length: rows[0]?.length ?? 0 }, () => '') : headers.map((name) => ink.dim(name));
  const drawn = table(head, rows, width).replaceAll(NO_BREAK, ' ');
  return bare ? drawn.slice(drawn.indexOf('\n') + 1) : drawn;
}

/**
 * Draw rows below a title.
 * @returns an empty text where there are none
 */
export function section(title: string, rows: readonly (readonly string[])[], canvas: Canvas): string {
  return rows.length === 0 ? '' : `${canvas.ink.bold(title)}\n${drawTable([], rows, canvas)}`;
}

/** The parts that there are, with a line between them. */
export const partsOf = (parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n\n');
