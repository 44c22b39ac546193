/** Draws one access with its evidence. Nearly every text was written by somebody else, so each goes through terminalSafe. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import type { AuditedAccess } from './access.ts';
import type { EventExplanation } from './explain-event.ts';
import { findingRows } from './report.ts';
import { drawTable, partsOf, section } from './section.ts';

/** Draw the access, what explains it or why nothing does, and what belongs to it. */
export function drawEvent(result: EventExplanation, canvas: Canvas): string {
  const { ink } = canvas;
  return partsOf([
    ...result.accesses.map((one) => `${about(one.access, canvas)}\n\n${tried(one.attempts, canvas)}`),
    section('recorded of the same deed', result.sameDeed.map(line), canvas),
    section('findings', findingRows(result.findings, ink), canvas),
    section('by the same identity within five minutes', result.around.map(line), canvas),
    section(
      'not looked at',
      result.skipped.map(({ where, why }) => [ink.yellow(terminalSafe(where)), terminalSafe(why)]),
      canvas,
    ),
  ]);
}

function about(access: AuditedAccess, canvas: Canvas): string {
  const { ink } = canvas;
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
  return `${ink.bold(verdict)}\n${drawTable([], told, canvas)}`;
}

function tried(attempts: EventExplanation['accesses'][number]['attempts'], canvas: Canvas): string {
  const { ink } = canvas;
  const rows = attempts.map(({ kind, explains, why }) => [
    explains ? ink.green('yes') : ink.dim('no'),
    explains ? ink.bold(kind) : kind,
    terminalSafe(why),
  ]);
  return section('what could have caused it', rows, canvas);
}

const line = ({ time, action, secretName, eventId, explanation }: AuditedAccess) => [
  (time ?? '-').slice(0, 19).replace('T', ' '),
  terminalSafe(`${action}${secretName === null ? '' : ` on ${secretName}`}`),
  terminalSafe(`${explanation?.kind ?? 'unexplained'} ${eventId}`),
];
