/** How the result of `rotate` looks as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { RotateResult } from './rotate.ts';

/** What was rotated and what is left to do; for a dry run the list of steps. */
export function drawRotate(result: RotateResult, { ink, width }: Canvas): string {
  const name = ink.bold(terminalSafe(result.secret.name));
  const where = `${result.secret.store}, environment ${terminalSafe(result.secret.environment)}`;
  if (result.outcome === 'planned') {
    const rows = result.steps.map(({ name: step, state, text }) => [step, state, terminalSafe(text)]);
    const headers = ['STEP', 'STATE', 'WHAT'].map((header) => ink.dim(header));
    return [`${ink.bold('dry run')} for ${name} (${where}): nothing was changed`, '', table(headers, rows, width)].join(
      '\n',
    );
  }
  const verb = result.outcome === 'resumed' ? 'finished the rotation of' : 'rotated';
  const facts: [string, string][] = [
    ['fields', result.rotated.map(({ field, issuer }) => `${terminalSafe(field)} (by ${issuer})`).join(', ')],
    ['version', result.versionId ?? ''],
    ['before', result.previousVersionId ?? ''],
    ['deployment', deploymentText(result)],
  ];
  return [
    `${ink.green(verb)} ${name} (${where})`,
    ...facts.map(([label, text]) => `  ${ink.dim(label.padEnd(10))}  ${text}`),
  ].join('\n');
}

function deploymentText({ deployment }: RotateResult): string {
  if (!deployment) return 'none: running tasks keep the old secret until they are redeployed';
  const seconds = Math.round((Date.parse(deployment.finishedAt) - Date.parse(deployment.startedAt)) / 1000);
  return `${deployment.id} ${deployment.state} after ${String(seconds)} s, ${String(deployment.running)} of ${String(deployment.desired)} tasks running`;
}
