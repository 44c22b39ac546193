/** How the result of `secrets verify` looks as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { VerifyResult } from './verify-secret.ts';

/** Each check with its state, and the sum. */
export function drawVerify(result: VerifyResult, { ink, width }: Canvas): string {
  const states = { pass: ink.green('pass'), fail: ink.red('FAIL'), skipped: ink.yellow('skipped') };
  const rows = result.checks.map(({ check, fields, state, why }) => [
    states[state],
    check,
    fields.map(terminalSafe).join(', '),
    terminalSafe(why),
  ]);
  const { pass, fail, skipped } = result.summary;
  return [
    `${ink.bold(terminalSafe(result.secret.name))} (${result.secret.store}, environment ${terminalSafe(result.secret.environment)})`,
    table(
      ['STATE', 'CHECK', 'FIELDS', 'WHY'].map((header) => ink.dim(header)),
      rows,
      width,
    ),
    `${String(pass)} passed, ${String(fail)} failed, ${String(skipped)} skipped`,
  ].join('\n\n');
}
