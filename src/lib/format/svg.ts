/**
 * Draws charts as SVG for a page: knows of numbers and names, of nothing else. Across, places are per cent of the width
 * and down they are pixels, so that a chart fits a phone and a sheet of paper with letters of one size. Colours are
 * classes, which the page's style gives for light, dark and print. Every chart has a title and a description in words.
 */
import { markup, type Markup } from './html.ts';

/** What all charts have. */
export interface Described {
  /** Unique in the page. */
  id: string;
  title: string;
  /** What it shows, for who cannot see it. */
  description: string;
}

/** A name on the axis, at a place from 0 (left) to 1 (right). */
export interface Tick {
  at: number;
  text: string;
}

/** A column: parts of it from the bottom up, in the order of the series. */
export interface Column {
  /** Shown when pointed at. */
  title: string;
  values: readonly number[];
  /** Whether a mark stands below it. */
  marked: boolean;
}

/** Columns along an axis. */
export interface ColumnChart extends Described {
  /** Class of each part: `tone-<name>`. */
  tones: readonly string[];
  columns: readonly Column[];
  ticks: readonly Tick[];
}

/** A place in a grid. */
export interface Place {
  title: string;
  value: number;
  /** Something is to be looked at: drawn in another colour, and with a dot. */
  flagged: boolean;
}

/** Rows of places, darker the more they count. */
export interface Grid extends Described {
  rows: readonly { name: string; note?: string; places: readonly (Place | null)[] }[];
  ticks: readonly Tick[];
  /** Where the names of the rows are: beside them, which suits short ones, or above. */
  names: 'beside' | 'above';
}

/** Shades from few to many; none is 0. */
export const LEVELS = 5;

/** Height of what a column chart has, in pixels. */
const PLOT = { top: 22, bottom: 152, marks: 160, ticks: 180, height: 188 };

/** Columns with a scale: its lines are named within the plot, so that no room is lost beside it. */
export function columnChart(chart: ColumnChart): Markup {
  const { columns, tones, ticks } = chart;
  const highest = Math.max(1, ...columns.map(({ values }) => sum(values)));
  const scale = scaleFor(highest);
  const top = scale.at(-1) ?? 1;
  const y = (value: number) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * value) / top;
  const width = 100 / Math.max(1, columns.length);
  const bars = columns.map(({ values, title, marked }, index) => {
    const parts = values.map((value, part) => {
      if (value === 0) return null;
      const below = sum(values.slice(0, part));
      // The least is still seen.
      const height = Math.max(1.5, y(below) - y(below + value));
      return markup`<rect class="tone-${tones[part] ?? ''}" x="${percent((index + 0.08) * width)}" y="${px(y(below) - height)}" width="${percent(width * 0.84)}" height="${px(height)}"/>`;
    });
    const mark = marked
      ? markup`<circle class="mark" cx="${percent((index + 0.5) * width)}" cy="${px(PLOT.marks)}" r="3"/>`
      : null;
    if (mark === null && parts.every((part) => part === null)) return null;
    return markup`<g><title>${title}</title>${parts}${mark}</g>`;
  });
  const lines = scale.map(
    (value) =>
      markup`<line class="${value === 0 ? 'axis' : 'rule'}" x1="0" x2="100%" y1="${px(y(value))}" y2="${px(y(value))}"/>`,
  );
  const names = scale
    .filter((value) => value > 0)
    .map((value) => markup`<text class="scale" x="0" y="${px(y(value) - 4)}">${grouped(value)}</text>`);
  return drawing(chart, PLOT.height, [lines, bars, names, tickTexts(ticks, 0, PLOT.ticks)]);
}

/** Heights of rows, in pixels. */
const BESIDE = { row: 22, cell: 20 };
const ABOVE = { row: 44, cell: 18 };
/** Room for names beside their rows, in per cent of the width. */
const NAMES = 9;

/** A grid; all places of a row have one width. */
export function grid(chart: Grid): Markup {
  const { rows, ticks, names } = chart;
  const highest = Math.max(1, ...rows.flatMap(({ places }) => places.map((place) => place?.value ?? 0)));
  const { row: step, cell } = names === 'beside' ? BESIDE : ABOVE;
  const left = names === 'beside' ? NAMES : 0;
  const drawn = rows.map(({ name, note = '', places }, index) => {
    const top = index * step + (names === 'beside' ? 0 : step - cell - 6);
    const width = (100 - left) / Math.max(1, places.length);
    const cells = places.map((place, column) => {
      if (!place) return null;
      const x = left + column * width;
      const dot = place.flagged
        ? markup`<circle class="dot" cx="${percent(x + width / 2)}" cy="${px(top + cell / 2)}" r="2.5"/>`
        : null;
      return markup`<g><title>${place.title}</title><rect class="${place.flagged ? 'flag' : 'heat'}-${levelOf(place.value, highest)}" x="${percent(x)}" y="${top}" width="${percent(width)}" height="${cell}"/>${dot}</g>`;
    });
    const label =
      names === 'beside'
        ? markup`<text class="name" x="${percent(left - 1.2)}" y="${top + 14}" text-anchor="end">${name}</text>`
        : markup`<text class="name" x="0" y="${top - 6}"><title>${name}</title><tspan class="wide">${shortened(name, 80)}</tspan><tspan class="narrow">${shortened(name, 27)}</tspan></text><text class="note" x="100%" y="${top - 6}" text-anchor="end">${note}</text>`;
    return [
      label,
      markup`<rect class="bed" x="${percent(left)}" y="${top}" width="${percent(100 - left)}" height="${cell}"/>`,
      cells,
    ];
  });
  const bottom = rows.length * step;
  return drawing(chart, bottom + 22, [drawn, tickTexts(ticks, left, bottom + 14)]);
}

/** How dark a place is: by the root of its share, so that one busy place does not make all others look empty. */
export function levelOf(value: number, highest: number): number {
  return value <= 0 ? 0 : Math.max(1, Math.ceil(LEVELS * Math.sqrt(Math.min(1, value / highest))));
}

/** Round numbers from 0 to at least the highest value: 0, 5, 10. */
export function scaleFor(highest: number): number[] {
  const rough = Math.max(1, highest / 3);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step);
}

/** `1,204` */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** A text cut in its middle, where names of one kind differ least: `role/ecsTask…Role`. */
export function shortened(text: string, most: number): string {
  const letters = Array.from(text);
  if (letters.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${letters.slice(0, most - 1 - end).join('')}…${letters.slice(letters.length - end).join('')}`;
}

function drawing({ id, title, description }: Described, height: number, content: Parameters<typeof markup>[1]): Markup {
  return markup`<svg id="${id}" role="img" aria-labelledby="${id}-title ${id}-text" width="100%" height="${px(height)}"><title id="${id}-title">${title}</title><desc id="${id}-text">${description}</desc>${content}</svg>`;
}

function tickTexts(ticks: readonly Tick[], left: number, y: number): Markup[] {
  return ticks.map(({ at, text }) => {
    const anchor = at < 0.05 ? 'start' : at > 0.95 ? 'end' : 'middle';
    return markup`<text class="tick" x="${percent(left + at * (100 - left))}" y="${px(y)}" text-anchor="${anchor}">${text}</text>`;
  });
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const rounded = (value: number) => String(Math.round(value * 1_000) / 1_000);
const percent = (value: number) => `${rounded(value)}%`;
const px = (value: number) => rounded(value);
