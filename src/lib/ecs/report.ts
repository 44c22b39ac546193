/** How the results of `deploy` and `deploy status` look as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import { idOf } from './api.ts';
import type { Holds } from './current.ts';
import type { DeployResult } from './deploy.ts';
import type { Deployment } from './history.ts';
import { condense, eventLine, kindOf } from './reason.ts';
import type { StatusResult } from './status.ts';

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

/** What each {@link Holds} is called in the table. */
const HELD: Readonly<Record<Holds, string>> = {
  current: 'current',
  old: 'an older value',
  unclear: 'unclear',
  pinned: 'pinned',
  none: 'nothing of it',
};

/** How a service, its deployments and its tasks stand. */
export function drawStatus(result: StatusResult, canvas: Canvas): string {
  const { service, deployment, previous, events, notes } = result;
  const { ink } = canvas;
  const counts = `${String(service.running)} of ${String(service.desired)} tasks running${service.pending > 0 ? `, ${String(service.pending)} starting` : ''}`;
  const facts: [string, string][] = [
    ['status', `${service.status}, ${service.desired === 0 ? 'scaled to zero' : counts}`],
    ['definition', service.taskDefinition],
    ['deployment', deployment ? standing(deployment) : 'none that ECS tells of'],
    ...(previous ? [['before', standing(previous)] as [string, string]] : []),
    ...secretFacts(result),
  ];
  return [
    ink.bold(terminalSafe(`${service.cluster}/${service.name}`)),
    ...facts.map(([label, text]) => `  ${ink.dim(label.padEnd(10))}  ${terminalSafe(text)}`),
    ...tasksTable(result, canvas),
    ...failedLines(result, canvas),
    ...(events.length > 0 ? ['', ink.dim('EVENTS')] : []),
    ...eventsOnce(events).map(({ at, text }) => `${ink.dim(at ?? '-')}  ${terminalSafe(text)}`),
    ...notes.map((note) => `${ink.yellow('note:')} ${terminalSafe(note)}`),
  ].join('\n');
}

/** The newest event of each kind. */
function eventsOnce(events: StatusResult['events']): StatusResult['events'] {
  const lines = events.map(({ at, text }) => ({ at, text: eventLine(text) }));
  return lines.filter(({ text }, index) => lines.findIndex((other) => kindOf(other.text) === kindOf(text)) === index);
}

/** A deployment in one line. */
function standing({ id, state, startedAt, finishedAt, counts, breaker, reason }: Deployment): string {
  const parts = [
    `${id ?? 'a deployment'} ${state}, begun ${startedAt}${finishedAt === null ? '' : `, over ${finishedAt}`}`,
    ...(counts && state === 'in-progress' ? [`${String(counts.running)} of ${String(counts.desired)} running`] : []),
    ...(breaker && breaker.failures > 0
      ? [`${String(breaker.failures)} of ${String(breaker.threshold)} failures that trip its circuit breaker`]
      : []),
    ...(reason !== null && state !== 'steady' && state !== 'in-progress' ? [reason] : []),
  ];
  return parts.join('; ');
}

function secretFacts({ service, secret, tasks }: StatusResult): [string, string][] {
  if (!secret) return [];
  const close = Date.parse(secret.to) - Date.parse(secret.from) <= 1_000;
  const since = close ? `since ${secret.from}` : `since some time between ${secret.from} and ${secret.to}`;
  const old = tasks.filter(({ holds }) => holds === 'old').length;
  const unclear = tasks.filter(({ holds }) => holds === 'unclear').length;
  const held =
    old > 0
      ? `${String(old)} of ${String(tasks.length)} tasks hold an older value: \`jamf-mcp deploy --cluster ${service.cluster} --service ${service.name}\``
      : unclear > 0
        ? `of ${String(unclear)} of ${String(tasks.length)} tasks it is unclear what they hold`
        : '';
  return [
    ['secret', `${secret.name}, version ${secret.versionId} is AWSCURRENT ${since}`],
    ...(held === '' ? [] : [['', held] as [string, string]]),
  ];
}

function tasksTable({ tasks }: StatusResult, { ink, width }: Canvas): string[] {
  if (tasks.length === 0) return [];
  const rows = tasks.map(({ taskId, lastStatus, health, startedAt, startedBy, holds }) => [
    terminalSafe(taskId),
    terminalSafe(health === null || health === 'UNKNOWN' ? lastStatus : `${lastStatus}, ${health}`),
    startedAt ?? '-',
    terminalSafe(startedBy ?? '-'),
    holds === null ? '-' : HELD[holds],
  ]);
  const headers = ['TASK', 'STATUS', 'STARTED', 'BY', 'SECRET'].map((header) => ink.dim(header));
  return ['', table(headers, rows, width)];
}

/** The failed tasks, those of one kind once. */
function failedLines({ failed }: StatusResult, { ink }: Canvas): string[] {
  const kinds = new Map<string, StatusResult['failed']>();
  for (const task of failed) {
    const kind = kindOf(task.reason);
    kinds.set(kind, [...(kinds.get(kind) ?? []), task]);
  }
  const lines = [...kinds.values()].flatMap(([first, ...more]) => {
    if (!first) return [];
    const count = more.length === 0 ? `task ${first.taskId}` : `task ${first.taskId} and ${String(more.length)} more`;
    return [
      `${ink.red('✗')} ${terminalSafe(`${count}, ${first.stoppedAt ?? 'a while ago'}: ${condense(first.reason)}`)}`,
      ...(first.why ? [`  ${terminalSafe(`${first.why.cause}; ${first.why.fix}`)}`] : []),
    ];
  });
  return lines.length === 0 ? [] : ['', ink.dim('FAILED TASKS'), ...lines];
}
