/** Draws an audit for a terminal. Nearly every text in it was written by somebody else, so each goes through terminalSafe. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { AuditResult } from './audit.ts';
import type { SourceReport } from './sources/source.ts';
import type { Severity } from './detectors/detector.ts';
import type { IdentityGroup } from './groups.ts';
import { shortIdentity } from './principal.ts';

/** From this width on, times are drawn with their year. */
const WIDE = 110;

/**
 * Draw the headline, who made the accesses, the findings, those that are suppressed and why, and what was not looked at.
 * @returns lines without a newline at the end, none wider than the canvas where words can be wrapped
 */
export function drawAudit(result: AuditResult, canvas: Canvas): string {
  const { ink } = canvas;
  const parts = [
    headline(result, ink),
    result.principals.length > 0 ? groups(result, canvas) : '',
    result.findings.length > 0 ? `${ink.bold('findings')}\n${findings(result, canvas)}` : '',
    result.suppressed.length > 0 ? `${ink.bold('suppressed')}\n${suppressed(result, canvas)}` : '',
    result.skipped.length > 0 ? `${ink.bold('not looked at')}\n${skipped(result, canvas)}` : '',
  ];
  return parts.filter((part) => part !== '').join('\n\n');
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
  const { ink } = canvas;
  const [count, hidden] = [result.findings.length, result.suppressed.length];
  const parts = [
    headline(result, ink),
    ...(count + hidden === 0 ? [] : [`${findingsText(count)}${hidden > 0 ? `, ${String(hidden)} suppressed` : ''}`]),
    `wrote ${terminalSafe(file)} (${sizeText(bytes)}), for its owner only`,
    ...(result.skipped.length > 0 ? [`\n${ink.bold('not looked at')}\n${skipped(result, canvas)}`] : []),
  ];
  return parts.join('\n');
}

const findingsText = (count: number) => `${String(count)} ${count === 1 ? 'finding' : 'findings'}`;

/** `812 bytes`, `48 kB`, `3.1 MB` */
const sizeText = (bytes: number): string =>
  bytes < 1_000
    ? `${String(bytes)} bytes`
    : bytes < 1e6
      ? `${String(Math.round(bytes / 1_000))} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;

function headline({ secret, asked, window, total, unexplained, sources }: AuditResult, ink: ChalkInstance): string {
  const count = `${String(unexplained)} of ${String(total)} ${total === 1 ? 'access' : 'accesses'} unexplained`;
  const text =
    total === 0
      ? `no accesses${asked.length > 0 ? ' by them' : ''}: none in that time, or no secret of that name`
      : unexplained > 0
        ? ink.red(count)
        : ink.green(count);
  const where = sources.map((source) => WHERE[source.kind]?.(source) ?? placeOf(source)).join(', ');
  return [
    ink.bold(text),
    `${terminalSafe(secret ? secret.name : 'all secrets')} in ${terminalSafe(where)}`,
    ...(asked.length > 0 ? [`by ${terminalSafe(asked.join(', '))} alone`] : []),
    ink.dim(`${minute(window.since ?? '-')} to ${minute(window.until ?? '-')} UTC`),
  ].join('\n');
}

const placeOf = ({ region, account }: SourceReport) => [region, account].filter((part) => part !== null).join(' of ');

/** Where it was looked, for sources that are no Region of an account. */
const WHERE: Readonly<Record<string, (source: SourceReport) => string>> = {
  'local-log': () => 'the local store',
  files: ({ files = 0 }) => (files === 1 ? '1 file' : `${String(files)} files`),
};

function groups({ principals, sources }: AuditResult, { ink, width }: Canvas): string {
  const account = sources[0]?.account ?? null;
  const time = (iso: string | null) => (iso === null ? '-' : minute(iso).slice(width < WIDE ? 5 : 0));
  const rows = principals.map((group) => [
    terminalSafe(shortIdentity(group.identity, account)),
    String(group.accesses),
    time(group.first),
    time(group.last),
    outcomes(group, ink),
    explanations(group, ink),
  ]);
  return table(
    ['principal', 'accesses', 'first', 'last', 'outcome', 'explanation'].map((name) => ink.dim(name)),
    rows,
    width,
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

const counted = (count: number, what: string) => (count === 0 ? '' : `${String(count)} ${what}`);

function findings(result: AuditResult, { ink, width }: Canvas): string {
  const rows = result.findings.map(({ severity, title, why, fix, technique }) => [
    COLOUR[severity](ink)(severity),
    `${ink.bold(terminalSafe(title))}\n${terminalSafe(why)} (${technique})\n${ink.dim('fix:')} ${terminalSafe(fix)}`,
  ]);
  return withoutHeader(table(['', ''], rows, width));
}

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
function suppressed(result: AuditResult, { ink, width }: Canvas): string {
  const byReason = Map.groupBy(result.suppressed, ({ reason, until }) => `${until}\n${reason}`);
  const rows = [...byReason.values()].flatMap((list) => {
    const [first] = list;
    if (!first) return [];
    const titles = list.slice(0, MOST_TITLES).map(({ severity, title }) => `${severity}: ${terminalSafe(title)}`);
    const more = list.length - titles.length;
    return [
      [
        findingsText(list.length),
        [
          `${ink.dim('until')} ${first.until}: ${terminalSafe(first.reason)}`,
          ...titles,
          ...(more > 0 ? [`and ${String(more)} more`] : []),
        ].join('\n'),
      ],
    ];
  });
  return withoutHeader(table(['', ''], rows, width));
}

function skipped(result: AuditResult, { ink, width }: Canvas): string {
  return withoutHeader(
    table(
      ['', ''],
      result.skipped.map(({ where, why }) => [ink.yellow(terminalSafe(where)), terminalSafe(why)]),
      width,
    ),
  );
}

const withoutHeader = (drawn: string) => drawn.slice(drawn.indexOf('\n') + 1);

/** `2026-11-22 09:30` */
const minute = (iso: string) => iso.slice(0, 16).replace('T', ' ');
