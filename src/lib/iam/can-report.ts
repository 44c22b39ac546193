/** Draws what `iam can` and `iam who-can` found, for a terminal. What stands in policies may be anybody's. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { Answer, CanResult } from './can.ts';
import type { StatementRef } from './can-layers.ts';

const VERDICTS: Readonly<Record<Answer['verdict'], (ink: ChalkInstance) => string>> = {
  allow: (ink) => ink.green('allowed'),
  'explicit-deny': (ink) => ink.red('denied'),
  'implicit-deny': (ink) => ink.red('not allowed'),
};

const SILENT: Readonly<Record<string, string>> = {
  identity: 'no policy of the principal allows it',
  resource: 'the policy of the resource neither names the principal nor leaves it to IAM',
  boundary: 'the permissions boundary does not allow it',
  session: 'the policy of the session does not allow it',
  scp: 'a level of the organization does not allow it',
};

/** Draw an answer with the statements that made it. */
export function drawCan({ principal, answers, unread, online }: CanResult, canvas: Canvas): string {
  const { ink, width } = canvas;
  const parts = answers.flatMap((answer) => drawAnswer(principal, answer, canvas));
  if (online) parts.push(drawOnline(online, ink));
  if (unread.length > 0) parts.push(drawUnread(unread, ink, width));
  return parts.join('\n\n');
}

function drawAnswer(principal: string, answer: Answer, { ink, width }: Canvas): string[] {
  const { verdict, action, resource, layer, because, nearly, absent } = answer;
  const on = resource === '*' ? '' : ` on ${terminalSafe(resource)}`;
  const why = verdict === 'implicit-deny' ? `: ${SILENT[layer ?? 'identity'] ?? ''}` : '';
  const parts = [`${VERDICTS[verdict](ink)}: ${terminalSafe(principal)} ${ink.bold(terminalSafe(action))}${on}${why}`];
  if (because.length > 0) {
    const told = because.map((ref) => row(ref, ink));
    parts.push(rows(told, width));
  }
  if (nearly.length > 0) {
    const near = nearly.map((ref) => [...row(ref, ink), terminalSafe(ref.why)]);
    parts.push(`${ink.dim('what names the action and does not apply:')}\n${rows(near, width)}`);
  }
  if (absent.length > 0 && verdict !== 'explicit-deny') {
    parts.push(
      ink.dim(
        `asked for by statements, and not in the request (--context KEY=VALUE): ${terminalSafe(absent.join(', '))}`,
      ),
    );
  }
  return parts;
}

/** A table without heads. */
const rows = (cells: readonly string[][], width: number): string =>
  table(cells[0]?.map(() => '') ?? [], cells, width).replace(/^\s*\n/, '');

/** Effect, layer, place and Sid of a statement. */
const row = ({ effect, layer, file, line, column, sid }: StatementRef, ink: ChalkInstance): string[] => [
  effect === 'Allow' ? ink.green('Allow') : ink.red('Deny'),
  layer,
  `${terminalSafe(file)}:${String(line)}:${String(column)}${sid === null ? '' : ` ${ink.dim(terminalSafe(sid))}`}`,
];

function drawOnline({ verdict, ours, agrees, absent }: NonNullable<CanResult['online']>, ink: ChalkInstance): string {
  const missing = absent.length === 0 ? '' : `; it misses ${terminalSafe(absent.join(', '))}`;
  return agrees
    ? `IAM's simulator agrees on the policies of the principal: ${VERDICTS[verdict](ink)}${missing}`
    : ink.yellow(`IAM's simulator says ${verdict} of the policies of the principal, and we say ${ours}${missing}`);
}

/** What was left out, and why. */
export const drawUnread = (unread: CanResult['unread'], ink: ChalkInstance, width: number): string =>
  `${ink.dim('not taken into account:')}\n${rows(
    unread.map(({ what, why }) => [terminalSafe(what), terminalSafe(why)]),
    width,
  )}`;
