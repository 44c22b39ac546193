/** The graphics of the HTML report, each with its figures in a table. */
import { htmlTable, markup, type Markup, type Piece } from '../../format/html.ts';
import { columnChart, grid, grouped, levelOf, LEVELS, shortened, type Place, type Tick } from '../../format/svg.ts';
import { shortIdentity } from '../principal.ts';
import { addTo, coarser, nothing, OTHERS, STEPS_MS, type Figures, type Spans, type Tally } from '../stats.ts';
import { counted, dateText, dayText, hourText, monthText, secretText } from './html-words.ts';

const DAY = 86_400_000;

/** Columns that can be told apart on a phone. */
const MOST_COLUMNS = 90;
/** Days that a row of readers shows. */
const MOST_DAYS = 62;
/** Rows and columns beside "others". */
const READERS = 12;
const ROWS = 12;
const COLUMNS = 10;

/** From when to when the graphics go, in milliseconds. */
export interface Stretch {
  from: number;
  to: number;
}

/** The stretch that was asked for; where an end was left open, as far as there are accesses. */
export function stretchOf(window: { since: string | null; until: string | null }, { timeline }: Figures): Stretch {
  const steps = [...(timeline.rows.get(OTHERS)?.keys() ?? [])].sort((a, b) => a - b);
  const first = (steps[0] ?? 0) * timeline.stepMs;
  const last = ((steps.at(-1) ?? 0) + 1) * timeline.stepMs;
  const since = window.since === null ? 0 : Date.parse(window.since);
  return {
    from: since > 0 ? Math.min(since, steps.length === 0 ? since : first) : first,
    to: Math.max(last, window.until === null ? 0 : Math.min(Date.parse(window.until), since > 0 ? Infinity : last)),
  };
}

/** A row of steps of equal length, as few as fit. */
interface Axis {
  stepMs: number;
  first: number;
  count: number;
}

function axisFor({ from, to }: Stretch, least: number, most: number): Axis {
  const place = (stepMs: number) => {
    const first = Math.floor(from / stepMs);
    return { stepMs, first, count: Math.max(1, Math.ceil(to / stepMs) - first) };
  };
  const steps = STEPS_MS.filter((stepMs) => stepMs >= least).map(place);
  return steps.find(({ count }) => count <= most) ?? steps.at(-1) ?? place(DAY);
}

const onAxis = (row: ReadonlyMap<number, Tally> | undefined, { stepMs }: Spans, axis: Axis): (Tally | null)[] => {
  const tallies = coarser(row ?? new Map<number, Tally>(), axis.stepMs / stepMs);
  return Array.from({ length: axis.count }, (_, index) => tallies.get(axis.first + index) ?? null);
};

/** At most five names: of days where steps are shorter, of months where the years are many. */
function ticksOf({ stepMs, first, count }: Axis): Tick[] {
  const moments = Array.from({ length: count }, (_, index) => ({ index, at: (first + index) * stepMs }));
  const days = moments.filter(({ at }) => at % DAY === 0);
  const [named, text] =
    count * stepMs > 400 * DAY
      ? [moments, monthText]
      : stepMs >= DAY
        ? [moments, dayText]
        : days.length > 2
          ? [days, dayText]
          : [moments, hourText];
  const stride = Math.ceil(named.length / 5);
  return named
    .filter((_, index) => index % stride === 0)
    .map(({ index, at }) => ({ at: (index + 0.5) / count, text: text(at) }));
}

/** `22 Nov 2026 09:00`, or of a day or more its date alone. */
const stepText = (at: number, stepMs: number) => (stepMs < DAY ? `${dateText(at)} ${hourText(at)}` : dateText(at));

/** `3 accesses, 1 unexplained, 1 refused` */
const tallyText = ({ count, unexplained, refused }: Tally): string =>
  [
    counted(count, 'access', 'accesses'),
    ...(unexplained > 0 ? [`${grouped(unexplained)} unexplained`] : []),
    ...(refused > 0 ? [`${grouped(refused)} refused or failed`] : []),
  ].join(', ');

const STEP_NAMES: Readonly<Record<number, string>> = { 1: 'hour', 24: 'day', 168: 'week', 672: 'four weeks' };

const stepName = (stepMs: number) => {
  const hours = stepMs / 3_600_000;
  return STEP_NAMES[hours] ?? (hours < 24 ? `${String(hours)} hours` : `${String(hours / 24)} days`);
};

/** How many accesses there were, over time. */
export function timelineFigure(figures: Figures, stretch: Stretch): Markup {
  const { timeline } = figures;
  const axis = axisFor(stretch, timeline.stepMs, MOST_COLUMNS);
  const tallies = onAxis(timeline.rows.get(OTHERS), timeline, axis);
  const at = (index: number) => (axis.first + index) * axis.stepMs;
  const chart = columnChart({
    id: 'timeline-chart',
    title: 'Accesses over time',
    description: `A column for every ${stepName(axis.stepMs)} from ${dateText(stretch.from)} to ${dateText(stretch.to)}: ${tallyText(figures.all)}. The figures are in the table below it.`,
    tones: ['explained', 'unexplained'],
    columns: tallies.map((tally, index) => ({
      title: tally ? `${stepText(at(index), axis.stepMs)}: ${tallyText(tally)}` : '',
      values: tally ? [tally.count - tally.unexplained, tally.unexplained] : [0, 0],
      marked: (tally?.refused ?? 0) > 0,
    })),
    ticks: ticksOf(axis),
  });
  return markup`<figure>${chart}
<div class="legend"><span>${swatch('tone-explained')}explained</span><span>${swatch('tone-unexplained')}unexplained</span><span><svg width="12" height="12" aria-hidden="true"><circle class="mark" cx="6" cy="6" r="3"/></svg>some refused or failed</span></div>
<figcaption>A column is ${article(stepName(axis.stepMs))}, UTC.</figcaption>
${figureTable(
  'Accesses over time',
  [`from, UTC`, 'accesses', 'unexplained', 'refused or failed'],
  tallies.flatMap((tally, index) =>
    tally ? [[stepText(at(index), axis.stepMs), tally.count, tally.unexplained, tally.refused]] : [],
  ),
)}</figure>`;
}

const article = (name: string) => (/^\d|^four/.test(name) ? name : name === 'hour' ? 'an hour' : `a ${name}`);

const swatch = (tone: string) =>
  markup`<svg width="12" height="12" aria-hidden="true"><rect class="${tone}" width="12" height="12" rx="2"/></svg>`;

const shades = (kind: 'heat' | 'flag') =>
  markup`<svg width="${LEVELS * 13}" height="12" aria-hidden="true">${Array.from(
    { length: LEVELS },
    (_, index) => markup`<rect class="${kind}-${index + 1}" x="${index * 13}" width="13" height="12"/>`,
  )}</svg>`;

const legendOf = (dot: Markup | null) =>
  markup`<div class="legend"><span>${shades('heat')}few to many, all explained</span><span>${shades('flag')}with unexplained ones${dot}</span></div>`;

const legend = legendOf(
  markup`<svg width="10" height="12" aria-hidden="true"><circle class="dot" cx="5" cy="6" r="2.5"/></svg>`,
);

const placeOf = (title: string, tally: Tally | null): Place | null =>
  tally && { title: `${title}: ${tallyText(tally)}`, value: tally.count, flagged: tally.unexplained > 0 };

/** Who read values, day by day. */
export function readersFigure({ readers }: Figures, stretch: Stretch, account: string | null): Markup {
  const axis = axisFor(stretch, Math.max(DAY, readers.stepMs), MOST_DAYS);
  const { rows, rest } = ranked(readers.rows, READERS);
  const drawn = [...rows, ...(rest.size > 0 ? [{ name: OTHERS, row: rest, sum: sumOf(rest.values()) }] : [])].map(
    ({ name, row, sum }) => ({ name: nameOf(name, account), tallies: onAxis(row, readers, axis), sum }),
  );
  const chart = grid({
    id: 'readers-chart',
    title: 'Readers by day',
    description: `A row for each principal that read values or tried to, a place for every ${stepName(axis.stepMs)}. The figures are in the table below it.`,
    names: 'above',
    rows: drawn.map(({ name, tallies, sum }) => ({
      name,
      note:
        sum.unexplained > 0
          ? `${grouped(sum.unexplained)} of ${grouped(sum.count)} unexplained`
          : counted(sum.count, 'read'),
      places: tallies.map((tally, index) => placeOf(stepText((axis.first + index) * axis.stepMs, axis.stepMs), tally)),
    })),
    ticks: ticksOf(axis),
  });
  return markup`<figure>${chart}${legend}
<figcaption>A place is ${article(stepName(axis.stepMs))}, UTC; values read, refused tries included.</figcaption>
${figureTable(
  'Readers by day',
  ['principal', `days with reads`, 'reads', 'unexplained', 'refused or failed'],
  drawn.map(({ name, tallies, sum }) => [
    name,
    tallies.filter((tally) => tally !== null).length,
    sum.count,
    sum.unexplained,
    sum.refused,
  ]),
)}</figure>`;
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** At which hours of the week. */
export function hoursFigure({ hours }: Figures): Markup {
  const chart = grid({
    id: 'hours-chart',
    title: 'Hours of the week',
    description: 'A row for each weekday, a place for each hour, UTC. The figures are in the table below it.',
    names: 'beside',
    rows: hours.map((row, weekday) => ({
      name: WEEKDAYS[weekday] ?? '',
      places: row.map((tally, hour) =>
        tally.count === 0
          ? { title: '', value: 0, flagged: false }
          : placeOf(`${WEEKDAYS[weekday] ?? ''} ${clock(hour)}`, tally),
      ),
    })),
    ticks: [0, 3, 6, 9, 12, 15, 18, 21].map((hour) => ({ at: (hour + 0.5) / 24, text: String(hour).padStart(2, '0') })),
  });
  return markup`<figure>${chart}${legend}
<figcaption>All weeks of the window together; hours are UTC.</figcaption>
${figureTable(
  'Accesses by weekday and hour, UTC',
  ['hour', ...WEEKDAYS],
  Array.from({ length: 24 }, (_, hour) => [clock(hour), ...hours.map((row) => row[hour]?.count ?? 0)]),
)}</figure>`;
}

const clock = (hour: number) => `${String(hour).padStart(2, '0')}:00`;

/** Who touched which secret: the most conspicuous of each, and all others together. */
export function matrixTable({ matrix }: Figures, account: string | null): Markup {
  const columns = new Map<string, Map<string, Tally>>();
  for (const [identity, row] of matrix) for (const [secret, tally] of row) into(columns, secret, identity, tally);
  const shown = ranked(columns, COLUMNS).rows.map(({ name }) => name);
  const { rows, rest } = ranked(matrix, ROWS);
  const restColumns = columns.size > shown.length;
  const names = [...shown, ...(restColumns ? [OTHERS] : [])];
  const all = [...rows, ...(rest.size > 0 ? [{ name: OTHERS, row: rest, sum: sumOf(rest.values()) }] : [])];
  const cells = all.map(({ row }) => {
    const beyond = [...row].filter(([secret]) => !shown.includes(secret)).map(([, tally]) => tally);
    return names.map((name) => (name === OTHERS ? sumOf(beyond) : (row.get(name) ?? nothing())));
  });
  const highest = Math.max(1, ...cells.flat().map(({ count }) => count));
  return markup`<p class="soft" id="matrix-note">Accesses by principal and secret; the second line of a cell is how many of them are unexplained.</p>
<div class="scroll" role="region" aria-label="Principals and secrets" tabindex="0">
<table class="matrix" aria-describedby="matrix-note">
<thead><tr><th scope="col">principal</th>${names.map(
    (name) =>
      markup`<th scope="col" class="column" title="${name === OTHERS ? '' : name}">${name === OTHERS ? 'others, or none named' : shortened(secretText(name), 34)}</th>`,
  )}<th scope="col" class="column">all</th></tr></thead>
<tbody>${all.map(
    ({ name, sum }, index) =>
      markup`<tr><th scope="row" title="${name}">${shortened(nameOf(name, account), 44)}</th>${cells[index]?.map((tally) => tallyCell(tally, highest)) ?? null}<td class="total">${grouped(sum.count)}</td></tr>
`,
  )}</tbody></table></div>${legendOf(null)}`;
}

function tallyCell({ count, unexplained }: Tally, highest: number): Markup {
  const shade = `${unexplained > 0 ? 'flag' : 'heat'}-${String(levelOf(count, highest))}`;
  const note = unexplained > 0 ? markup`<small>${grouped(unexplained)} unexpl.</small>` : null;
  return markup`<td class="${shade}">${count === 0 ? '·' : grouped(count)}${note}</td>`;
}

const nameOf = (identity: string, account: string | null) =>
  identity === OTHERS ? 'others' : shortIdentity(identity, account);

interface Ranked<Key> {
  name: string;
  row: ReadonlyMap<Key, Tally>;
  sum: Tally;
}

/** The rows with most unexplained accesses, then with most accesses; and all others as one. */
function ranked<Key>(
  rows: ReadonlyMap<string, ReadonlyMap<Key, Tally>>,
  most: number,
): { rows: Ranked<Key>[]; rest: ReadonlyMap<Key, Tally> } {
  const sorted = [...rows]
    .filter(([name]) => name !== OTHERS)
    .map(([name, row]) => ({ name, row, sum: sumOf(row.values()) }))
    .sort((a, b) => b.sum.unexplained - a.sum.unexplained || b.sum.count - a.sum.count || (a.name < b.name ? -1 : 1));
  const rest = new Map<Key, Tally>();
  for (const row of [rows.get(OTHERS), ...sorted.slice(most).map((one) => one.row)]) {
    for (const [key, tally] of row ?? []) {
      const known = rest.get(key);
      if (known) addTo(known, tally);
      else rest.set(key, { ...tally });
    }
  }
  return { rows: sorted.slice(0, most), rest };
}

function into(columns: Map<string, Map<string, Tally>>, column: string, row: string, tally: Tally): void {
  const rows = columns.get(column) ?? new Map<string, Tally>();
  columns.set(column, rows.set(row, tally));
}

function sumOf(tallies: Iterable<Tally>): Tally {
  const sum = nothing();
  for (const tally of tallies) addTo(sum, tally);
  return sum;
}

/** The figures behind a graphic, for who reads them better than shades. */
function figureTable(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Markup {
  const cells = rows.map((row) => row.map((cell): Piece => (typeof cell === 'number' ? grouped(cell) : cell)));
  return markup`<details><summary>The figures</summary><div class="scroll" role="region" aria-label="${caption}" tabindex="0">${htmlTable(
    {
      caption,
      columns: columns.map((name, index) => ({ name, kind: index === 0 ? 'text' : 'number' })),
      rows: cells,
    },
  )}</div></details>`;
}
