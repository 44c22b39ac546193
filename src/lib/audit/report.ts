/** Draws an audit for a terminal. Nearly every text in it was written by somebody else, so each goes through terminalSafe. */
import type { ChalkInstance } from 'chalk';
import wrapAnsi from 'wrap-ansi';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import type { AuditResult } from './audit.ts';
import type { SourceReport } from './sources/source.ts';
import type { Severity } from './detectors/detector.ts';
import type { IdentityGroup } from './groups.ts';
import { homeAccount, shortIdentity } from './principal.ts';
import { drawTable, NO_BREAK, partsOf, section } from './section.ts';

/** From this width on, the first access is drawn, and times with their year. */
const WIDE = 110;

/**
 * Draw the headline, who made the accesses, the findings, those that are suppressed and why, and what was not looked at.
 * @returns lines without a newline at the end, none wider than the canvas where words can be wrapped
 */
export function drawAudit(result: AuditResult, canvas: Canvas): string {
  const { ink } = canvas;
  return partsOf([
    headline(result, canvas),
    result.principals.length > 0 ? groups(result, canvas) : '',
    section('findings', findingRows(result.findings, ink), canvas),
    section('suppressed', suppressed(result, ink), canvas),
    section('not looked at', skipped(result, ink), canvas),
  ]);
}

/**
 * Draw what a report that was written elsewhere comes to: the headline, how many findings, what was not looked at.
 * @param written - the file, and how many bytes it has
 */
export function drawWritten(
  result: AuditResult,
  { file, bytes }: { file: string; bytes: number },
  canvas: Canvas,
): string {
  const [count, hidden] = [result.findings.length, result.suppressed.length];
  const parts = [
    headline(result, canvas),
    ...(count + hidden === 0
      ? []
      : [`${plural(count, 'finding')}${hidden > 0 ? `, ${String(hidden)} suppressed` : ''}`]),
    `wrote ${terminalSafe(file)} (${sizeText(bytes)}), for its owner only`,
  ];
  return partsOf([parts.join('\n'), section('not looked at', skipped(result, canvas.ink), canvas)]);
}

const plural = (count: number, what: string) => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** `812 bytes`, `48 kB`, `3.1 MB` */
const sizeText = (bytes: number): string =>
  bytes < 1_000
    ? `${String(bytes)} bytes`
    : bytes < 1e6
      ? `${String(Math.round(bytes / 1_000))} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;

function headline({ secret, asked, window, total, unexplained, sources }: AuditResult, { ink, width }: Canvas): string {
  const count = `${String(unexplained)} of ${String(total)} ${total === 1 ? 'access' : 'accesses'} unexplained`;
  const text =
    total === 0
      ? sources.every(({ files }) => files === 0)
        ? 'nothing was read'
        : `no accesses${asked.length > 0 ? ' by them' : ''}: none in that time, or no secret of that name`
      : unexplained > 0
        ? ink.red(count)
        : ink.green(count);
  return [
    ink.bold(text),
    `${terminalSafe(secret ? secret.name : 'all secrets')} in ${terminalSafe(placesOf(sources))}`,
    ...(asked.length > 0 ? [`by ${terminalSafe(asked.join(', '))} alone`] : []),
    ...(window.since === null && window.until === null
      ? []
      : [ink.dim(`${window.since === null ? 'all' : minute(window.since)} to ${minute(window.until ?? '-')} UTC`)]),
  ]
    .map((line) => wrapAnsi(line, width, { hard: true }))
    .join('\n');
}

/** Places that are named one by one. */
const MOST_PLACES = 3;

/** `us-east-1 of 111122223333`, `34 Regions of 2 accounts`, `12 files`: where it was looked. */
export function placesOf(sources: readonly SourceReport[]): string {
  return [...Map.groupBy(sources, ({ kind }) => kind)]
    .map(([kind, list]) => {
      if (kind === 'local-log') return 'the local store';
      if (kind === 'files')
        return plural(
          list.reduce((sum, { files = 0 }) => sum + files, 0),
          'file',
        );
      if (list.length <= MOST_PLACES) return list.map(placeOf).join(', ');
      const [regions, accounts] = [distinctOf(list, 'region'), distinctOf(list, 'account')];
      const of = accounts.length === 1 ? (accounts[0] ?? '') : plural(accounts.length, 'account');
      return `${regions.length === 1 ? (regions[0] ?? '') : plural(regions.length, 'Region')} of ${of}`;
    })
    .join(', ');
}

const placeOf = ({ place, region, account }: SourceReport) =>
  place ?? [region, account].filter((part) => part !== null).join(' of ');

const distinctOf = (sources: readonly SourceReport[], part: 'region' | 'account') => [
  ...new Set(sources.map((source) => source[part]).filter((text) => text !== null)),
];

const GROUP_HEADERS = ['principal', 'accesses', 'first', 'last', 'outcome', 'explanation'];

/** In a narrow terminal the first access is left out, so that the names of roles are not broken. */
function groups({ principals, sources }: AuditResult, canvas: Canvas): string {
  const { ink, width } = canvas;
  const isWide = width >= WIDE;
  const account = homeAccount(sources, principals);
  const time = (iso: string | null) =>
    iso === null
      ? '-'
      : minute(iso)
          .slice(isWide ? 0 : 5)
          .replace(' ', NO_BREAK);
  const rows = principals.map((group) => [
    terminalSafe(shortIdentity(group.identity, account)),
    String(group.accesses),
    ...(isWide ? [time(group.first)] : []),
    time(group.last),
    outcomes(group, ink),
    explanations(group, ink),
  ]);
  return drawTable(
    GROUP_HEADERS.filter((name) => isWide || name !== 'first'),
    rows,
    canvas,
  );
}

const outcomes = ({ outcomes: { success = 0, denied = 0, failed = 0 } }: IdentityGroup, ink: ChalkInstance) =>
  [counted(success, 'ok'), ink.red(counted(denied, 'denied')), counted(failed, 'failed')]
    .filter((text) => text !== '')
    .join(', ');

function explanations(group: IdentityGroup, ink: ChalkInstance): string {
  const kinds = Object.entries(group.explanations).map(([kind, count]) => counted(count, kind));
  return [ink.red(counted(group.unexplained, 'unexplained')), ...kinds].filter((text) => text !== '').join(', ');
}

const counted = (count: number, what: string) => (count === 0 ? '' : `${String(count)}${NO_BREAK}${what}`);

/** A row for each finding: its severity, and what it says, why, and what to do. */
export const findingRows = (findings: AuditResult['findings'], ink: ChalkInstance): string[][] =>
  findings.map(({ severity, title, why, fix, technique }) => [
    COLOUR[severity](ink)(severity),
    `${ink.bold(terminalSafe(title))}\n${terminalSafe(why)} (${technique})\n${ink.dim('fix:')} ${terminalSafe(fix)}`,
  ]);

const COLOUR: Record<Severity, (ink: ChalkInstance) => ChalkInstance> = {
  critical: (ink) => ink.bold.red,
  high: (ink) => ink.red,
  medium: (ink) => ink.yellow,
  low: (ink) => ink.blue,
  info: (ink) => ink.dim,
};

/** Titles of findings that one reason takes out of the list. */
const MOST_TITLES = 5;

/** One row for each reason and its last day. */
function suppressed(result: AuditResult, ink: ChalkInstance): string[][] {
  const byReason = Map.groupBy(result.suppressed, ({ reason, until }) => `${until}\n${reason}`);
  return [...byReason.values()].flatMap((list) => {
    const [first] = list;
    if (!first) return [];
    const titles = list.slice(0, MOST_TITLES).map(({ severity, title }) => `${severity}: ${terminalSafe(title)}`);
    const more = list.length - titles.length;
    return [
      [
        plural(list.length, 'finding'),
        [
          `${ink.dim('until')} ${first.until}: ${terminalSafe(first.reason)}`,
          ...titles,
          ...(more > 0 ? [`and ${String(more)} more`] : []),
        ].join('\n'),
      ],
    ];
  });
}

const skipped = (result: AuditResult, ink: ChalkInstance): string[][] =>
  result.skipped.map(({ where, why }) => [ink.yellow(terminalSafe(where)), terminalSafe(why)]);

/** `2026-11-22 09:30` */
const minute = (iso: string) => iso.slice(0, 16).replace('T', ' ');
