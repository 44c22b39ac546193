/** Draws the join of a task definition with its roles, for a terminal. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { TaskJoin, TaskRole } from './join-check.ts';
import type { JudgedNeed, NeedVerdict } from './join-judge.ts';
import { roleName } from './join.ts';

/** Draw what a task definition needs, right by right; the reasons for what is missing are among the findings. */
export function drawTask({ taskDefinition, roles }: TaskJoin, { ink, width }: Canvas): string {
  const rows = roles.flatMap(({ use, needs }) =>
    grouped(needs).map(({ actions, resource, why, verdict }) => [
      use,
      actions.map(terminalSafe).join('\n'),
      `${terminalSafe(resource)}\n${ink.dim(terminalSafe(shortly(why)))}`,
      VERDICTS[verdict](ink)(verdict),
    ]),
  );
  const head = ink.bold(terminalSafe(roleName(taskDefinition)));
  const parts = [[head, ...roles.map((role) => roleLine(role, ink))].join('\n')];
  if (rows.length > 0) {
    parts.push(
      table(
        ['role', 'right', 'on', ''].map((name) => ink.dim(name)),
        rows,
        width,
      ),
    );
  }
  return parts.join('\n');
}

function roleLine({ use, arn, needs, excess }: TaskRole, ink: ChalkInstance): string {
  const name = arn === null ? 'none' : terminalSafe(roleName(arn));
  const there = needs.filter(({ verdict }) => verdict === 'allowed').length;
  const rights =
    needs.length === 0
      ? 'the task definition needs nothing of it'
      : `${String(there)} of ${String(needs.length)} ${needs.length === 1 ? 'right' : 'rights'} there`;
  const more =
    excess.length === 0 ? '' : `, beyond need in ${String(excess.length)} ${excess.length === 1 ? 'place' : 'places'}`;
  return `${use} role ${name}: ${there < needs.length ? ink.red(rights) : rights}${more}`;
}

/** Rights on the same thing for the same reason share a row. */
function grouped(needs: readonly JudgedNeed[]): (Omit<JudgedNeed, 'action'> & { actions: string[] })[] {
  const groups = Map.groupBy(needs, ({ resource, verdict, why }) => JSON.stringify([resource, verdict, why]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, actions: group.map(({ action }) => action) }] : [];
  });
}

const shortly = (why: readonly string[]): string =>
  why.length <= 2 ? why.join('; ') : `${why[0] ?? ''} and ${String(why.length - 1)} more`;

const VERDICTS: Readonly<Record<NeedVerdict, (ink: ChalkInstance) => ChalkInstance>> = {
  allowed: (ink) => ink.green,
  missing: (ink) => ink.red,
  denied: (ink) => ink.red,
  depends: (ink) => ink.yellow,
};
