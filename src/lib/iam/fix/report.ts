/** Draws what `iam validate --fix` did, for a terminal. What stands in policies may be anybody's. */
import type { Canvas } from '../../format/canvas.ts';
import { terminalSafe } from '../../format/escape.ts';
import { table } from '../../format/table.ts';
import type { FixReport, Refused, Repaired } from './index.ts';

/** Draw the repairs one by one, and what is left to a person; with --dry-run the patch alone, as `git apply` takes it. */
export function drawFix(fix: FixReport, { ink, width }: Canvas): string {
  const { repaired, refused, patch, written, dryRun } = fix;
  if (dryRun && patch !== '') return patch.split('\n').map(lineSafe).join('\n').replace(/\n$/, '');
  const parts: string[] = [];
  const rows = (items: readonly (Repaired | Refused)[]) =>
    table(
      ['at', 'rule', 'repair'].map((name) => ink.dim(name)),
      items.map((item) => [
        `${terminalSafe(item.file)}:${String(item.line)}:${String(item.column)}`,
        ink.dim(item.rule),
        terminalSafe('what' in item ? item.what : item.why),
      ]),
      width,
    );
  if (repaired.length > 0) {
    const where = written.length === 1 ? '1 file' : `${String(written.length)} files`;
    parts.push(`${ink.green(`${String(repaired.length)} repaired in ${where}`)}\n${rows(repaired)}`);
  } else {
    parts.push('nothing was repaired');
  }
  if (refused.length > 0) parts.push(`${ink.yellow(`${String(refused.length)} left to you`)}\n${rows(refused)}`);
  return parts.join('\n\n');
}

/** What a patch has to hold as it is to be applied: tabs, the line ends of Windows, a byte-order mark. */
function lineSafe(line: string): string {
  const [, mark = '', text = '', end = ''] = /^([-+ ]\uFEFF)?(.*?)(\r?)$/su.exec(line) ?? [];
  return `${mark}${text.split('\t').map(terminalSafe).join('\t')}${end}`;
}
