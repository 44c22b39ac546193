/** How the result of `secrets import` looks as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { ImportedSecret, ImportResult } from './import.ts';

/** What was stored, which credentials were found in plain text, and what became of the file. */
export function drawImport(result: ImportResult, { ink, width }: Canvas): string {
  const list = (names: readonly string[]) => names.map(terminalSafe).join(', ');
  const stored = (one: ImportedSecret) => [
    one.changed ? ink.green('stored') : result.dryRun ? 'planned' : 'unchanged',
    ink.bold(terminalSafe(one.secret.name)),
    list(one.changedFields.length > 0 ? one.changedFields : one.fields),
    one.missing.length > 0 ? ink.yellow(`missing: ${list(one.missing)}`) : '',
  ];
  const parts = [
    result.dryRun ? ink.bold(`dry run of ${terminalSafe(result.source)}: nothing was changed`) : '',
    table(
      ['STATE', 'SECRET', 'FIELDS', ''].map((header) => ink.dim(header)),
      result.secrets.map(stored),
      width,
    ),
    result.secrets
      .flatMap(({ secret: { arn } }) => (arn === null ? [] : [`${ink.dim('arn')} ${terminalSafe(arn)}`]))
      .join('\n'),
  ];
  if (result.credentials.length > 0) {
    parts.push(
      table(
        ['IN PLAIN TEXT', 'AT', 'WHY', ''].map((header) => ink.dim(header)),
        result.credentials.map((found) => [
          terminalSafe(found.field),
          terminalSafe(found.where),
          found.why,
          found.imported ? '' : ink.yellow('not imported'),
        ]),
        width,
      ),
    );
  }
  if (result.left.length > 0) parts.push(`left in ${terminalSafe(result.source)}: ${list(result.left)}`);
  if (result.rewritten) {
    const { file, backup, kept, ignored } = result.rewritten;
    parts.push(
      `${ink.green('made safe')} ${terminalSafe(file)}${kept.length > 0 ? `, which keeps ${list(kept)}` : ''}; the original is ${terminalSafe(backup)}${ignored.length > 0 ? ` (added to .gitignore: ${list(ignored)})` : ''}`,
    );
  }
  const next = nextSteps(result);
  if (next.length > 0) parts.push(['next:', ...next.map((step) => `  ${step}`)].join('\n'));
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Requirements row 382: what is left to do by hand. */
function nextSteps(result: ImportResult): string[] {
  if (result.dryRun) return [];
  const file = result.credentials.find(({ where }) => !where.startsWith('secret '));
  return [
    ...(file && !result.rewritten && result.source !== 'stdin'
      ? [`${terminalSafe(result.source)} still holds the credentials: remove them there`]
      : []),
    ...(result.rewritten ? [`once everything works, remove ${terminalSafe(result.rewritten.backup)}`] : []),
    ...(result.credentials.some(({ kind }) => kind === 'aws-key')
      ? ['an access key was found: a role needs none; move what uses it to a role, then delete the key']
      : []),
    ...result.secrets.map(
      ({ secret }) => `try the values: \`jamf-mcp secrets verify --secret ${terminalSafe(secret.name)}\``,
    ),
  ];
}
