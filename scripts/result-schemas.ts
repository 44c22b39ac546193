/** Writes the JSON Schema of each command's `--json` result, from its TypeScript type, into docs/results. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createGenerator } from 'ts-json-schema-generator';

/** Command to the file and the type of its result. A new command gets a row. */
export const RESULTS = {
  'secrets-init': ['src/lib/secrets/init.ts', 'InitResult'],
  'secrets-show': ['src/lib/secrets/show.ts', 'ShowResult'],
  'secrets-list': ['src/lib/secrets/list.ts', 'ListResult'],
  'secrets-set': ['src/lib/secrets/set.ts', 'ChangeResult'],
  'secrets-unset': ['src/lib/secrets/set.ts', 'ChangeResult'],
  'secrets-history': ['src/lib/secrets/history.ts', 'HistoryResult'],
  'secrets-diff': ['src/lib/secrets/diff.ts', 'DiffResult'],
  'secrets-rollback': ['src/lib/secrets/rollback.ts', 'RollbackResult'],
  'secrets-delete': ['src/lib/secrets/remove.ts', 'DeleteResult'],
  'secrets-restore': ['src/lib/secrets/remove.ts', 'RestoreResult'],
  'secrets-copy': ['src/lib/secrets/copy.ts', 'CopyResult'],
  'secrets-import': ['src/lib/secrets/import.ts', 'ImportResult'],
  'secrets-export': ['src/lib/secrets/export.ts', 'ExportResult'],
  'secrets-reveal': ['src/lib/secrets/reveal.ts', 'RevealResult'],
  'secrets-verify': ['src/lib/secrets/verify-secret.ts', 'VerifyResult'],
  'secrets-cost': ['src/lib/secrets/cost.ts', 'CostResult'],
  rotate: ['src/lib/rotation/work.ts', 'RotateOutput'],
  'rotate-setup-alternate': ['src/lib/rotation/issuers/jamf-alternate.ts', 'SetUpAlternateResult'],
  'rotate-resume': ['src/lib/rotation/work.ts', 'RotateResult'],
  'rotate-undo': ['src/lib/rotation/work.ts', 'RotateResult'],
  'rotate-abort': ['src/lib/rotation/work.ts', 'RotateResult'],
  'rotate-schedule': ['src/lib/rotation/schedule/install.ts', 'ScheduleResult'],
  'rotate-schedule-status': ['src/lib/rotation/schedule/status.ts', 'ScheduleStatus'],
  'rotate-schedule-remove': ['src/lib/rotation/schedule/remove.ts', 'RemoveResult'],
  'rotate-status': ['src/lib/rotation/status.ts', 'StatusResult'],
  deploy: ['src/lib/ecs/deploy.ts', 'DeployResult'],
  'deploy-status': ['src/lib/ecs/status.ts', 'StatusResult'],
  audit: ['src/lib/audit/audit.ts', 'AuditResult'],
  'audit-explain': ['src/lib/audit/explain-event.ts', 'EventExplanation'],
  'audit-baseline-show': ['src/lib/audit/baseline-manage.ts', 'BaselineShow'],
  'audit-baseline-learn': ['src/lib/audit/baseline-manage.ts', 'BaselineLearn'],
  'audit-baseline-allow': ['src/lib/audit/baseline-manage.ts', 'BaselineAllow'],
  'audit-sql': ['src/lib/audit/sql.ts', 'SqlResult'],
  'audit-verify': ['src/lib/audit/verify.ts', 'VerifyResult'],
  'iam-validate': ['src/lib/iam/validate.ts', 'ValidateResult'],
  'iam-can': ['src/lib/iam/can.ts', 'CanResult'],
  'iam-who-can': ['src/lib/iam/who-can.ts', 'WhoCanResult'],
  'iam-generate': ['src/lib/iam/generate/generate.ts', 'GenerateResult'],
  'iam-apply': ['src/lib/iam/apply.ts', 'ApplyResult'],
  error: ['src/lib/errors.ts', 'ErrorJson'],
} as const satisfies Record<string, readonly [string, string]>;

/** The JSON Schema (draft-07) of one result. */
export function resultSchema(command: keyof typeof RESULTS): Record<string, unknown> {
  const [path, type] = RESULTS[command];
  return {
    ...createGenerator({
      path,
      type,
      tsconfig: 'tsconfig.json',
      skipTypeCheck: true,
      additionalProperties: false,
    }).createSchema(type),
  };
}

if (import.meta.main) {
  await mkdir('docs/results', { recursive: true });
  for (const command of Object.keys(RESULTS) as (keyof typeof RESULTS)[]) {
    await writeFile(`docs/results/${command}.schema.json`, `${JSON.stringify(resultSchema(command), null, 2)}\n`);
  }
}
