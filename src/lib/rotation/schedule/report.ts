/** How the results of `rotate schedule`, `status` and `remove` look as text. */
import type { Canvas } from '../../format/canvas.ts';
import { terminalSafe } from '../../format/escape.ts';
import { table } from '../../format/table.ts';
import { dueText } from '../../secrets/due.ts';
import type { StepResult } from '../steps.ts';
import type { ScheduleResult } from './install.ts';
import type { RemoveResult } from './remove.ts';
import type { ScheduleStatus } from './status.ts';

interface Named {
  secret: { name: string; store: string; environment: string };
}

const heading = ({ secret: { name, store, environment } }: Named, { ink }: Canvas) =>
  `${ink.bold(terminalSafe(name))} (${store}, environment ${terminalSafe(environment)})`;

const plan = (steps: readonly StepResult[], width: number) =>
  table(
    ['step', 'what'],
    steps.map(({ name, text }) => [name, terminalSafe(text)]),
    width,
  );

/** What was installed, and when the first rotation is. */
export function drawSchedule(result: ScheduleResult, canvas: Canvas): string {
  const { outcome, schedule, steps, due, installed } = result;
  if (outcome === 'planned') {
    return `${heading(result, canvas)} would be rotated ${schedule}:\n\n${plan(steps, canvas.width)}\n\nnothing was changed`;
  }
  const lines = [`${heading(result, canvas)} ${installed ? 'is rotated' : 'is to be rotated'} ${schedule}`];
  if (due) lines.push(dueText(due));
  if (installed) lines.push(`function ${installed.function}`, `what fails is kept in ${installed.queue}`);
  return lines.join('\n');
}

const MARKS = { installed: 'as it should be', missing: 'missing', drifted: 'changed' } as const;

/** What is installed, part by part. */
export function drawScheduleStatus(status: ScheduleStatus, canvas: Canvas): string {
  const { ink, width } = canvas;
  const lines = [heading(status, canvas)];
  if (status.state === 'none') lines.push('has no schedule; set one with `jamf-mcp rotate schedule --every 90d`');
  if (status.due) {
    const text = dueText(status.due);
    lines.push(status.due.overdue ? ink.red(text) : text);
  }
  const { rules } = status;
  if (rules) {
    const often = rules.expression ?? (rules.everyDays === null ? '' : `every ${String(rules.everyDays)} days`);
    lines.push(
      `rules: ${terminalSafe(often)}${rules.window === null ? '' : `, window ${terminalSafe(rules.window)}`} (UTC)`,
    );
  }
  if (status.state !== 'none') lines.push(`last rotated by Secrets Manager: ${status.lastRotatedAt ?? 'never'}`);
  if (status.pending !== null)
    lines.push(ink.yellow(`a rotation has begun and not ended: version ${terminalSafe(status.pending)}`));
  if (status.state === 'none' || status.parts.length === 0) return lines.join('\n');
  const rows = status.parts.map(({ name, state, drift, text }) => [
    name,
    state === 'installed' ? MARKS[state] : ink.red(MARKS[state]),
    terminalSafe(drift.length > 0 ? drift.join('; ') : text),
  ]);
  const repair = status.parts.some(({ state }) => state !== 'installed')
    ? ['', 'the command that installed it puts right what is missing or changed: `jamf-mcp rotate schedule --every …`']
    : [];
  return [...lines, '', table(['part', 'state', 'what'], rows, width), ...repair].join('\n');
}

/** What was taken away. */
export function drawRemove(result: RemoveResult, canvas: Canvas): string {
  const { outcome, steps, removed } = result;
  if (outcome === 'planned')
    return `${heading(result, canvas)}:\n\n${plan(steps, canvas.width)}\n\nnothing was changed`;
  if (outcome === 'nothing') return `${heading(result, canvas)} had no schedule`;
  return `${heading(result, canvas)} is no longer rotated; removed: ${removed.join(', ')}`;
}
