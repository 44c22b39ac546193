/** How the result of `rotate status` looks as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import { runnerText } from './claim.ts';
import { HOW_FAR } from './plan.ts';
import type { StatusResult } from './status.ts';

/** What is under way, what to type next, and the last records. */
export function drawStatus(result: StatusResult, { ink, width }: Canvas): string {
  const { secret, rotation, deployment, state, next } = result;
  const name = `${ink.bold(terminalSafe(secret.name))} (${secret.store}, environment ${terminalSafe(secret.environment)})`;
  const facts: [string, string][] = rotation
    ? [
        ['state', state === 'free' || state === 'foreign' ? '' : HOW_FAR[state]],
        ['begun by', `${runnerText(rotation.by)}${RUNNING[String(rotation.running) as keyof typeof RUNNING]}`],
        ['since', rotation.since],
        ['rotation', rotation.rotationId],
        ['fields', `${rotation.fields.join(', ')} (by ${rotation.issuer}, ${rotation.strategy})`],
        ...(rotation.reason === null ? [] : [['reason', rotation.reason] satisfies [string, string]]),
        ['service', deployment ? serviceText(deployment) : 'none is redeployed'],
      ]
    : [];
  const head = rotation
    ? `${ink.yellow(rotation.kind === 'undo' ? 'an undo is under way' : 'a rotation is under way')} of ${name}`
    : state === 'foreign'
      ? `${ink.yellow('AWSPENDING is on a version that is not ours')}: ${name}, version ${String(result.pendingId)}`
      : `${ink.green('no rotation is under way')} of ${name}`;
  const lines = [head, ...facts.map(([label, text]) => `  ${ink.dim(label.padEnd(8))}  ${terminalSafe(text)}`)];
  if (next !== null) lines.push('', `next: ${next}`);
  if (result.records.length > 0) {
    const rows = result.records.map((record) => [
      record.endedAt,
      record.problem === null ? record.outcome : `${record.outcome}, ${record.problem}`,
      terminalSafe(record.fields.join(', ')),
      record.strategy,
      terminalSafe(record.endedBy),
      record.versions.after,
    ]);
    const headers = ['ENDED', 'OUTCOME', 'FIELDS', 'STRATEGY', 'BY', 'VERSION'].map((header) => ink.dim(header));
    lines.push('', table(headers, rows, width));
  }
  const doubts = [
    ...(result.missing === null
      ? []
      : [`no record of the rotation ${result.missing} is kept here, though it was run on this machine`]),
    ...result.unreadable.map((path) => `${path} is no record any more: it was damaged or overwritten`),
  ];
  if (doubts.length > 0) lines.push('', ...doubts.map((text) => ink.red(terminalSafe(text))));
  return lines.join('\n');
}

const RUNNING = { true: ', still running', false: ', gone', null: '; whether it still runs is not known here' };

function serviceText({ cluster, service, underway, note }: NonNullable<StatusResult['deployment']>): string {
  const name = `${cluster}/${service}`;
  if (note !== null) return `${name} (${note})`;
  return underway === null ? `${name}, no deployment in progress` : `${name}, deployment ${underway} in progress`;
}
