/** Draws one access with its evidence. Nearly every text was written by somebody else, so each goes through terminalSafe. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { AuditedAccess } from './access.ts';
import type { EventExplanation } from './explain-event.ts';

/** Draw the access, what explains it or why nothing does, and what belongs to it. */
export function drawEvent(result: EventExplanation, canvas: Canvas): string {
  const { ink, width } = canvas;
  const parts = result.accesses.map((one) => `${about(one.access, canvas)}\n\n${tried(one.attempts, canvas)}`);
  const section = (title: string, rows: string[][]) =>
    rows.length === 0 ? '' : `${ink.bold(title)}\n${withoutHeader(table(['', '', ''], rows, width))}`;
  return [
    ...parts,
    section('recorded of the same deed', result.sameDeed.map(line)),
    section(
      'findings',
      result.findings.map(({ severity, title, why }) => [severity, terminalSafe(title), terminalSafe(why)]),
    ),
    section('by the same identity within five minutes', result.around.map(line)),
    section(
      'not looked at',
      result.skipped.map(({ where, why }) => [ink.yellow(terminalSafe(where)), terminalSafe(why), '']),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function about(access: AuditedAccess, { ink, width }: Canvas): string {
  const { explanation, outcome, error, principal, details } = access;
  const verdict = access.countedWith
    ? ink.dim(`counted with event ${terminalSafe(access.countedWith)}`)
    : explanation === null
      ? ink.red('unexplained')
      : ink.green(`explained: ${explanation.kind}`);
  const rows: (readonly [string, string | null])[] = [
    ['event', access.eventId],
    ['time', access.time],
    ['action', `${access.service} ${access.action}`],
    [
      'outcome',
      error === null ? outcome : `${outcome}: ${error.code}${error.message === null ? '' : ` (${error.message})`}`,
    ],
    ['secret', access.secret],
    ['principal', principal.arn ?? principal.type],
    ['credential', [principal.credential, principal.accessKeyId].filter((part) => part !== null).join(' ') || null],
    ['from', [access.sourceIp, access.vpcEndpointId].filter((part) => part !== null).join(' through ') || null],
    ['user agent', access.userAgent],
    ['Region', access.region],
    ...Object.entries(details).map(
      ([name, value]) => [name, typeof value === 'object' ? value.join(', ') : String(value)] as const,
    ),
  ];
  const told = rows.filter((row) => row[1] !== null).map(([name, value]) => [ink.dim(name), terminalSafe(value ?? '')]);
  return `${ink.bold(verdict)}\n${withoutHeader(table(['', ''], told, width))}`;
}

function tried(attempts: EventExplanation['accesses'][number]['attempts'], { ink, width }: Canvas): string {
  const rows = attempts.map(({ kind, explains, why }) => [
    explains ? ink.green('yes') : ink.dim('no'),
    explains ? ink.bold(kind) : kind,
    terminalSafe(why),
  ]);
  return `${ink.bold('what could have caused it')}\n${withoutHeader(table(['', '', ''], rows, width))}`;
}

const line = ({ time, action, secretName, eventId, explanation }: AuditedAccess) => [
  (time ?? '-').slice(0, 19).replace('T', ' '),
  terminalSafe(`${action}${secretName === null ? '' : ` on ${secretName}`}`),
  terminalSafe(`${explanation?.kind ?? 'unexplained'} ${eventId}`),
];

const withoutHeader = (drawn: string) => drawn.slice(drawn.indexOf('\n') + 1);
