/** How the results of `secrets init`, `show` and `list` look as text. */
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import { dueText, type Due } from './due.ts';
import type { InitResult } from './init.ts';
import type { ListedSecret, ListResult } from './list.ts';
import type { ShowResult } from './show.ts';
import type { Canvas } from '../format/canvas.ts';

/** What was created or changed, or in a dry run what would be. */
export function drawInit(result: InitResult, { ink, width }: Canvas): string {
  const name = terminalSafe(result.secret.name);
  const where = `${result.secret.store}, environment ${terminalSafe(result.secret.environment)}`;
  if (result.dryRun) {
    const steps = result.steps.map(({ name: step, state, text }) => [step, state, terminalSafe(text)]);
    return [
      ink.bold(`dry run for secret ${name} (${where}): nothing was changed`),
      '',
      table(['STEP', 'STATE', 'WHAT'], steps, width),
    ].join('\n');
  }
  if (!result.changed) return `${ink.bold(name)} (${where}) already has these values: nothing was changed`;
  const everything = result.changedFields.length === result.fields.length;
  const jamf =
    result.verified &&
    `${result.verified.url} accepts the client${result.verified.account ? ` ${terminalSafe(result.verified.account)}` : ''}`;
  return [
    `${ink.green('stored')} ${ink.bold(name)} (${where})`,
    pairs(
      [
        ['arn', terminalSafe(result.secret.arn ?? '')],
        ['version', result.versionId ?? ''],
        ['fields', result.fields.map(terminalSafe).join(', ')],
        ['changed', everything ? '' : result.changedFields.map(terminalSafe).join(', ')],
        ['jamf', jamf ?? 'not asked'],
        ['policy', result.steps.some(({ name: step, state }) => step === 'policy' && state === 'done') ? 'set' : ''],
      ],
      { ink, width },
    ),
  ].join('\n');
}

/** One version of a secret, its secret values masked. */
export function drawShow(result: ShowResult, { ink, width }: Canvas): string {
  const { secret } = result;
  const rows = result.fields.map((field) => [
    terminalSafe(field.name),
    field.secret ? ink.dim(field.value) : terminalSafe(field.value),
    field.fingerprint,
  ]);
  return [
    `${ink.bold(terminalSafe(secret.name))} (${secret.store}, environment ${terminalSafe(secret.environment)})`,
    pairs(
      [
        ['about', terminalSafe(secret.description ?? '')],
        ['arn', terminalSafe(secret.arn)],
        ['version', `${result.versionId} ${result.stages.map(terminalSafe).join(' ')}`],
        ['stored', minute(result.versionCreatedAt)],
        ['created', minute(result.createdAt)],
        ['rotation', rotationText(result, dueText)],
        ['pending', pendingText(result)],
        ['key', terminalSafe(result.kmsKeyId ?? '')],
        ['policy', policyText(result.resourcePolicy)],
        ['replicas', result.replicas.map(({ region, status }) => terminalSafe(`${region} ${status}`)).join(', ')],
      ],
      { ink, width },
    ),
    '',
    table(
      ['FIELD', 'VALUE', 'FINGERPRINT'].map((header) => ink.dim(header)),
      rows,
      width,
    ),
  ].join('\n');
}

/** The secrets of a store. */
export function drawList(result: ListResult, { ink, width }: Canvas): string {
  const under = result.prefix === '' ? '' : ` whose names begin with ${terminalSafe(result.prefix)}`;
  const skipped = result.skipped.map(
    ({ where, why }) => `${ink.red('left out')} ${ink.bold(terminalSafe(where))}: ${terminalSafe(why)}`,
  );
  if (result.secrets.length === 0 && skipped.length === 0) return `no secrets in ${result.store}${under}`;
  const rows = result.secrets.map((secret) => [
    ink.bold(terminalSafe(secret.name)),
    terminalSafe(secret.environment ?? '-'),
    state(secret, ink),
    minute(secret.changedAt),
    rotationText(secret, dueShort),
  ]);
  const headers = ['NAME', 'ENVIRONMENT', 'STATE', 'CHANGED', 'ROTATION'].map((header) => ink.dim(header));
  return [...(rows.length > 0 ? [table(headers, rows, width)] : []), ...skipped].join('\n');
}

function state(secret: ListedSecret, ink: Canvas['ink']): string {
  if (secret.deletionAt) return ink.yellow(`deleted on ${secret.deletionAt.slice(0, 10)}`);
  if (secret.stages.includes('AWSPENDING')) return ink.yellow('rotation pending');
  return secret.stages.includes('AWSCURRENT') ? 'current' : ink.yellow('no value');
}

function policyText(policy: ShowResult['resourcePolicy']): string {
  if (!policy) return '';
  const { statements, principals } = policy;
  const count = `${String(statements)} statement${statements === 1 ? '' : 's'}`;
  return principals.length === 0 ? count : `${count} about ${principals.map(terminalSafe).join(', ')}`;
}

function pendingText({ pendingId, secret }: ShowResult): string {
  if (pendingId === null) return '';
  const status = `jamf-mcp rotate status --secret ${terminalSafe(secret.name)}`;
  return `${terminalSafe(pendingId)}, of a rotation that has not ended: ${status}`;
}

function rotationText({ rotation, due }: Pick<ShowResult, 'rotation' | 'due'>, say: (due: Due) => string): string {
  const { enabled, everyDays, nextRotationAt } = rotation;
  if (!enabled) return due ? `every ${String(due.every)}, ${say(due)}` : 'none scheduled';
  const every = everyDays === null ? 'scheduled' : `every ${String(everyDays)} days`;
  return nextRotationAt ? `${every}, next ${nextRotationAt.slice(0, 10)}` : every;
}

const dueShort = ({ dueAt, overdue }: Due) => `${overdue ? 'late since' : 'due'} ${String(dueAt?.slice(0, 10))}`;

/** Names and values in two columns; empty values are left out. */
export function pairs(all: readonly [string, string][], { ink, width }: Canvas): string {
  const [first = ['', ''], ...rest] = all
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [ink.dim(name), value]);
  return table(first, rest, width);
}

/** `2026-11-22 09:30 UTC`, or `-`. */
export const minute = (time: string | null) => (time === null ? '-' : `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`);
