/** Draws what `audit baseline` tells. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import type { BaselineAllow, BaselineLearn, BaselineShow } from './baseline-manage.ts';
import type { BaselineEntry } from './baseline.ts';
import { shortIdentity } from './principal.ts';
import { drawTable, partsOf, section } from './section.ts';

/** Draw the baseline as it stands. */
export function drawBaseline({ file, exists, learned, entries }: BaselineShow, canvas: Canvas): string {
  const { ink } = canvas;
  if (!exists)
    return `there is no baseline yet: ${terminalSafe(file)}\nlearn one from a time in which nothing was wrong: \`jamf-mcp audit baseline learn --since 14d\``;
  const windows = learned.map(({ since, until }) => `${since.slice(0, 10)} to ${until.slice(0, 10)}`).join(', ');
  const rows = entries.map((entry) => [
    STATES[entry.state](entry, ink),
    `${entryText(entry, ink)}\n${terminalSafe(entry.reason)}`,
  ]);
  const head = [
    ink.bold(`${String(entries.length)} ${entries.length === 1 ? 'entry' : 'entries'}`),
    terminalSafe(file),
    ...(windows === '' ? [] : [ink.dim(`learnt from ${windows}`)]),
  ].join('\n');
  return partsOf([head, rows.length === 0 ? '' : drawTable([], rows, canvas)]);
}

/** Until when an entry holds, or since when it does not. */
const STATES: Readonly<
  Record<BaselineShow['entries'][number]['state'], (entry: BaselineEntry, ink: ChalkInstance) => string>
> = {
  holds: ({ until }) => `until ${until.slice(0, 10)}`,
  expired: ({ until }, ink) => ink.yellow(`expired ${until.slice(0, 10)}`),
  'not-yet': ({ since }, ink) => ink.yellow(`from ${since.slice(0, 10)}`),
};

/** An account with a wildcard is told: who reviews the entry has to see that it holds in others. */
const subject = ({ principal, secret }: BaselineEntry) => {
  const account = /^arn:[^:]*:[^:]*:[^:]*:[^:]*\*/.test(principal) ? '' : null;
  return `${terminalSafe(shortIdentity(principal, account))} on ${terminalSafe(secret)}`;
};

const manner = ({ actions, networks, userAgents }: BaselineEntry) =>
  [
    terminalSafe(few(actions)),
    `from ${terminalSafe(few(networks)) || 'anywhere'}`,
    `with ${terminalSafe(few(userAgents)) || 'anything'}`,
  ].join(', ');

/** Two lines: who and what, then how. */
const entryText = (entry: BaselineEntry, ink: ChalkInstance) => `${ink.bold(subject(entry))}\n${manner(entry)}`;

const few = (texts: readonly string[]) =>
  texts.length > 3 ? `${texts.slice(0, 2).join(', ')} and ${String(texts.length - 2)} more` : texts.join(', ');

/** Draw what was learnt, and what was not. */
export function drawLearn(result: BaselineLearn, canvas: Canvas): string {
  const { ink } = canvas;
  const { added, widened, unchanged, leftOut, skipped, changed, accesses, file, window } = result;
  const done = changed ? ink.green('learnt') : ink.yellow('nothing written');
  const counts = `${String(added.length)} new, ${String(widened.length)} widened, ${String(unchanged)} as they were`;
  const rows = [
    ...added.map((entry) => ['new', entryText(entry, ink)]),
    ...widened.map((entry) => ['widened', entryText(entry, ink)]),
  ];
  const notes = leftOut.map(({ principal, accesses: count, why }) => [
    ink.yellow(terminalSafe(shortIdentity(principal, null))),
    `${String(count)} ${count === 1 ? 'access' : 'accesses'}: ${terminalSafe(why)}`,
  ]);
  const missed = skipped.map(({ where, why }) => [ink.yellow(terminalSafe(where)), terminalSafe(why)]);
  return partsOf([
    `${done}: ${counts}, from ${String(accesses)} accesses\n${terminalSafe(file)}\n${ink.dim(`${day(window.since)} to ${day(window.until)} UTC`)}`,
    rows.length === 0 ? '' : drawTable([], rows, canvas),
    section('not learnt', notes, canvas),
    section('not looked at', missed, canvas),
  ]);
}

/** Draw what was allowed. */
export function drawAllow({ entry, changed, file }: BaselineAllow, { ink }: Canvas): string {
  return [
    `${changed ? ink.green('allowed') : ink.yellow('would allow')}: ${subject(entry)} until ${entry.until.slice(0, 10)}`,
    `${manner(entry)}: ${terminalSafe(entry.reason)}`,
    ink.dim(terminalSafe(file)),
  ].join('\n');
}

const day = (iso: string | null) => (iso === null ? '-' : iso.slice(0, 16).replace('T', ' '));
