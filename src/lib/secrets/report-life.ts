/** How the results of `secrets set`, `unset`, `history`, `diff`, `rollback`, `delete`, `restore` and `copy` look as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { FieldChange, FieldSide } from './compare.ts';
import type { CopyResult } from './copy.ts';
import type { DiffResult, DiffSide } from './diff.ts';
import type { HistoryEntry, HistoryResult } from './history.ts';
import type { DeleteResult, RestoreResult } from './remove.ts';
import { minute, pairs } from './report.ts';
import type { RollbackResult } from './rollback.ts';
import type { ChangeResult } from './set.ts';
import type { ChangeStep } from './steps.ts';

/** What was set or taken away. */
export function drawChange(result: ChangeResult, canvas: Canvas): string {
  const { ink } = canvas;
  if (result.dryRun || !result.changed) return drawIdle(result, canvas);
  return [
    `${ink.green('changed')} ${headOf(result, canvas)}`,
    pairs(
      [
        ['fields', result.changedFields.map(terminalSafe).join(', ')],
        ['version', result.versionId ?? ''],
        ['before', result.previousVersionId ?? 'none'],
      ],
      canvas,
    ),
    ink.dim('what runs keeps the value that it read at its start'),
  ].join('\n');
}

/** The versions of a secret, newest first. */
export function drawHistory(result: HistoryResult, canvas: Canvas): string {
  const { ink, width } = canvas;
  const rows = result.versions.map((version) => [
    terminalSafe(version.versionId),
    minute(version.createdAt),
    terminalSafe(version.createdBy ?? '-'),
    version.stages.map(terminalSafe).join(' ') || '-',
    changesText(version, ink),
  ]);
  const notes = [
    result.older > 0 ? `${String(result.older)} older versions: --limit tells them` : '',
    result.versions.every(({ createdBy }) => createdBy === null)
      ? `the store ${result.secret.store} does not keep who stored a version${result.secret.store === 'aws' ? '; `jamf-mcp audit` tells from CloudTrail' : ''}`
      : '',
  ].filter((note) => note !== '');
  return [
    headOf(result, canvas),
    '',
    table(
      ['VERSION', 'STORED', 'BY', 'LABELS', 'CHANGES'].map((header) => ink.dim(header)),
      rows,
      width,
    ),
    ...(notes.length > 0 ? ['', ...notes.map((note) => ink.dim(note))] : []),
  ].join('\n');
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

function changesText({ changes, fieldCount, note }: HistoryEntry, ink: Canvas['ink']): string {
  if (changes === null) {
    return [fieldCount === null ? '' : `${String(fieldCount)} fields`, terminalSafe(note ?? '')]
      .filter((text) => text !== '')
      .join(', ');
  }
  if (changes.length === 0) return ink.dim('the same fields and values');
  return changes
    .map(({ name, change, from, to }) => {
      const marks = [from, to].flatMap((side) => (side ? [side.fingerprint] : [])).join(' > ');
      return `${SIGNS[change]}${terminalSafe(name)} ${ink.dim(marks)}`;
    })
    .join('\n');
}

/** What differs between two versions. */
export function drawDiff(result: DiffResult, canvas: Canvas): string {
  return [
    headOf(result, canvas),
    pairs(
      [
        ['from', versionText(result.from)],
        ['to', versionText(result.to)],
      ],
      canvas,
    ),
    '',
    fieldsTable(result.fields, canvas),
    canvas.ink.dim(`${String(result.same)} fields are the same`),
  ].join('\n');
}

const versionText = ({ versionId, stages, createdAt }: DiffSide) =>
  `${terminalSafe(versionId)} ${stages.map(terminalSafe).join(' ')} ${minute(createdAt)}`;

function fieldsTable(fields: readonly FieldChange[], { ink, width }: Canvas): string {
  if (fields.length === 0) return 'nothing differs';
  const side = (one: FieldSide | null) => (one ? `${terminalSafe(one.value)} ${ink.dim(one.fingerprint)}` : '-');
  return table(
    ['FIELD', 'CHANGE', 'FROM', 'TO'].map((header) => ink.dim(header)),
    fields.map(({ name, change, from, to }) => [terminalSafe(name), change, side(from), side(to)]),
    width,
  );
}

/** Which version is current after a rollback. */
export function drawRollback(result: RollbackResult, canvas: Canvas): string {
  if (result.dryRun || !result.changed) {
    return [
      drawIdle(result, canvas),
      ...(result.fields.length > 0 ? ['', fieldsTable(result.fields, canvas)] : []),
    ].join('\n');
  }
  const { ink } = canvas;
  const jamf = result.verified && `${result.verified.url} accepts the client of this version`;
  return [
    `${ink.green('rolled back')} ${headOf(result, canvas)}`,
    pairs(
      [
        ['current', result.versionId],
        ['before', `${result.previousVersionId}, now AWSPREVIOUS`],
        ['jamf', jamf ?? result.steps.find(({ name }) => name === 'verify')?.text ?? 'not asked'],
      ],
      canvas,
    ),
    '',
    fieldsTable(result.fields, canvas),
    ink.dim('what runs keeps the value that it read at its start: deploy it anew'),
  ].join('\n');
}

/** When a secret goes, or that it is gone. */
export function drawDelete(result: DeleteResult, canvas: Canvas): string {
  const { ink } = canvas;
  const at = minute(result.deletionAt);
  if (result.dryRun) return drawIdle(result, canvas);
  if (!result.changed) {
    const date = result.deletionAt === null ? '' : `: it goes on ${at}`;
    return `${drawIdle(result, canvas)}${date}`;
  }
  if (!result.restorable) return `${ink.green('deleted')} ${headOf(result, canvas)} for good`;
  return [
    `${ink.green('scheduled')} ${headOf(result, canvas)} for deletion on ${at}`,
    ink.dim(`until then: \`jamf-mcp secrets restore --secret ${terminalSafe(result.secret.name)}\``),
  ].join('\n');
}

/** That a secret stays. */
export function drawRestore(result: RestoreResult, canvas: Canvas): string {
  if (result.dryRun || !result.changed) return drawIdle(result, canvas);
  return `${canvas.ink.green('restored')} ${headOf(result, canvas)}, current version ${terminalSafe(result.versionId ?? 'none')}`;
}

/** Which versions were copied. */
export function drawCopy(result: CopyResult, canvas: Canvas): string {
  const { ink, width } = canvas;
  if (result.dryRun || !result.changed) return drawIdle(result, canvas);
  return [
    `${ink.green('copied')} ${terminalSafe(result.source.name)} (${result.source.store}) to ${headOf(result, canvas)}`,
    '',
    table(
      ['VERSION', 'LABELS', 'STATE'].map((header) => ink.dim(header)),
      result.versions.map(({ targetVersionId, stages, copied }) => [
        terminalSafe(targetVersionId),
        stages.map(terminalSafe).join(' '),
        copied ? 'copied' : 'there already',
      ]),
      width,
    ),
  ].join('\n');
}

interface Told {
  secret: { name: string; store: string; environment: string };
}

const headOf = ({ secret }: Told, { ink }: Canvas) =>
  `${ink.bold(terminalSafe(secret.name))} (${secret.store}, environment ${terminalSafe(secret.environment)})`;

/** A dry run, or nothing to do. */
function drawIdle(result: Told & { dryRun: boolean; steps: readonly ChangeStep[] }, canvas: Canvas): string {
  const { ink, width } = canvas;
  const steps = result.steps.map(({ name, state, text }) => [name, state, terminalSafe(text)]);
  if (!result.dryRun) {
    const why = result.steps.filter(({ state }) => state === 'skipped').at(-1)?.text ?? '';
    return `nothing was changed: ${terminalSafe(why)}`;
  }
  return [
    ink.bold(`dry run for secret ${headOf(result, canvas)}: nothing was changed`),
    '',
    table(['STEP', 'STATE', 'WHAT'], steps, width),
  ].join('\n');
}
