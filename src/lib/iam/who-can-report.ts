/** Draws what `iam who-can` found, for a terminal. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import { drawUnread } from './can-report.ts';
import type { StatementRef } from './can-layers.ts';
import type { Outsider, Reader, WhoCanResult } from './who-can.ts';

/** Draw readers, each with its statements, then outsiders, then what was not read. */
export function drawWhoCan(result: WhoCanResult, { ink, width }: Canvas): string {
  const { readers, outsiders, unread } = result;
  const parts = [headline(result, ink)];
  const section = (heads: string[], rows: string[][]) => {
    const dimmed = heads.map((name) => ink.dim(name));
    if (rows.length > 0) parts.push(table(dimmed, rows, width));
  };
  section(
    ['reads', 'principal', 'because of'],
    readers.map((one) => readerRow(one, result.secret.arn, ink)),
  );
  section(
    ['', 'let in from outside', 'by'],
    outsiders.map((one) => outsiderRow(one, ink)),
  );
  if (unread.length > 0) parts.push(drawUnread(unread, ink, width));
  return parts.join('\n\n');
}

function headline({ secret, readers, outsiders, principals }: WhoCanResult, ink: ChalkInstance): string {
  const total = principals.roles + principals.users;
  const count = `${String(readers.length)} of ${String(total)} principals may read ${terminalSafe(secret.name)}`;
  const key = secret.keyArn === null ? '' : `, encrypted with ${terminalSafe(secret.keyArn)}`;
  const outside = outsiders.length === 0 ? '' : `; let in from outside the account: ${String(outsiders.length)}`;
  return `${ink.bold(count)}${key}${ink.yellow(outside)}`;
}

const place = ({ layer, file, line, column, sid }: StatementRef): string =>
  `${layer} ${terminalSafe(file)}:${String(line)}:${String(column)}${sid === null ? '' : ` (${terminalSafe(sid)})`}`;

/** What belongs to the secret's own account is called without it: `role/app`. */
const short = (arn: string, secret: string): string => {
  const [, partition = '', , , account = ''] = secret.split(':');
  return arn.replace(`arn:${partition}:iam::${account}:`, '');
};

function readerRow({ arn, may, because, depends, trusted }: Reader, secret: string, ink: ChalkInstance): string[] {
  const from = trusted.map((one) => terminalSafe(short(one, secret))).join(', ');
  const by = from === '' ? '' : `\n${ink.dim(`assumed by ${from}`)}`;
  const lines = [...[...new Set(because.map(place))], ...depends.map((text) => ink.yellow(`if ${terminalSafe(text)}`))];
  return [
    may === 'yes' ? ink.green('yes') : ink.yellow('maybe'),
    `${terminalSafe(short(arn, secret))}${by}`,
    lines.join('\n'),
  ];
}

const outsiderRow = ({ principal, statement, depends }: Outsider, ink: ChalkInstance): string[] => [
  '',
  terminalSafe(principal),
  [place(statement), ...depends.map((text) => ink.yellow(`if ${terminalSafe(text)}`))].join('\n'),
];
