/** How the results of `deploy` and `deploy status` look as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import { idOf } from './api.ts';
import type { DeployResult } from './deploy.ts';

/** What was deployed; for a dry run the list of steps. */
export function drawDeploy(result: DeployResult, { ink, width }: Canvas): string {
  const name = ink.bold(terminalSafe(`${result.service.cluster}/${result.service.name}`));
  const { deployment, tasks } = result;
  if (!deployment) {
    const rows = result.steps.map(({ name: step, state, text }) => [step, state, terminalSafe(text)]);
    const headers = ['STEP', 'STATE', 'WHAT'].map((header) => ink.dim(header));
    return [`${ink.bold('dry run')} for ${name}: nothing was changed`, '', table(headers, rows, width)].join('\n');
  }
  const facts: [string, string][] = [
    ['deployment', `${deployment.id} ${deploymentText(deployment)}`],
    ['tasks', tasks ? tasksText(tasks.running) : 'not waited for'],
    ['definition', idOf(result.service.taskDefinition)],
    ...(result.replaced ? [['replaced', result.replaced.id] as [string, string]] : []),
  ];
  const verb = result.outcome === 'steady' ? ink.green('redeployed') : ink.yellow('started to redeploy');
  return [
    `${verb} ${name}`,
    ...facts.map(([label, text]) => `  ${ink.dim(label.padEnd(10))}  ${terminalSafe(text)}`),
  ].join('\n');
}

function deploymentText(deployment: NonNullable<DeployResult['deployment']>): string {
  if (deployment.finishedAt === null) return 'is under way';
  const seconds = Math.round((Date.parse(deployment.finishedAt) - Date.parse(deployment.startedAt)) / 1000);
  return `${deployment.state} after ${String(seconds)} s`;
}

const tasksText = (running: number) =>
  running === 0 ? 'none: scaled to zero' : `${String(running)} running, all started by it`;
