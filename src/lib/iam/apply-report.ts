/** Draws what `iam apply` changes, for a terminal. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import type { ApplyResult } from './apply.ts';
import type { ChangedRight } from './apply-judge.ts';

/** Rights that are told one by one. */
const MOST = 12;

/** Draw the result: of a dry run with the patch, which is shown before the question otherwise. */
export function drawApply(result: ApplyResult, { ink }: Canvas): string {
  const { outcome, role, policy, steps, gains, losses, needed, patch } = result;
  const what = `${policy.kind} policy ${terminalSafe(policy.name)} of the role ${terminalSafe(role)}`;
  if (outcome === 'unchanged') return ink.green(`the ${what} is that already`);
  const done = policy.created ? 'added' : 'replaced';
  const change = [
    ...rights('allowed then, and not shown to be allowed now', gains, ink.red),
    ...rights('not shown to be allowed then', losses, ink.green),
    ...(needed === null ? [] : [`all ${String(needed)} rights that the task definition needs are allowed then`]),
  ];
  if (outcome === 'applied') return [ink.green(`the ${what} is ${done}`), ...change].join('\n');
  const lines = patch
    .trimEnd()
    .split('\n')
    .map((line) => coloured(terminalSafe(line), ink));
  return [`the ${what} would be ${done}: ${terminalSafe(steps.join(', '))}`, ...change, '', ...lines].join('\n');
}

function rights(title: string, found: readonly ChangedRight[], ink: ChalkInstance): string[] {
  if (found.length === 0) return [];
  const more = found.length - MOST;
  return [
    `${title}:`,
    ...found
      .slice(0, MOST)
      .map(({ action, resource }) => `  ${ink(terminalSafe(action))} on ${terminalSafe(resource)}`),
    ...(more > 0 ? [`  and ${String(more)} more`] : []),
  ];
}

function coloured(line: string, ink: ChalkInstance): string {
  if (line.startsWith('+')) return ink.green(line);
  if (line.startsWith('-')) return ink.red(line);
  return line.startsWith('@@') ? ink.cyan(line) : line;
}
