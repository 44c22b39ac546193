/** The `--json` results: their schemas are checked in, follow from the types, and hold for what the binary prints. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { RESULTS, resultSchema } from '../../scripts/result-schemas.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli } from '../support/cli.ts';

type Command = keyof typeof RESULTS;

const schemaFile = (command: Command) => new URL(`../../docs/results/${command}.schema.json`, import.meta.url);

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' }],
});

describe('results', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ speed: 50, history: true });
  });
  after(() => sandbox.close());

  for (const command of Object.keys(RESULTS) as Command[]) {
    it(`has the schema of ${command} checked in as its type has it`, async () => {
      const file = JSON.parse(await readFile(schemaFile(command), 'utf8')) as unknown;
      assert.deepEqual(file, JSON.parse(JSON.stringify(resultSchema(command))), 'run `node scripts/result-schemas.ts`');
    });
  }

  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  const runs: [command: Command, args: string[], exit: number, input?: string][] = [
    ['error', ['secrets', 'show'], 5],
    ['secrets-init', ['secrets', 'init', '--from-file', '-', '--dry-run'], 0],
    ['secrets-init', ['secrets', 'init', '--from-file', '-'], 0],
    ['error', ['secrets', 'init', '--from-file', '-'], 1],
    ['secrets-init', ['secrets', 'init', '--from-file', '-', '--update'], 0],
    ['secrets-show', ['secrets', 'show'], 0],
    ['secrets-list', ['secrets', 'list'], 0],
    ['rotate', ['rotate', '--dry-run', '--force-deploy'], 0],
    ['rotate', ['rotate'], 0],
    ['rotate', ['rotate', '--force-deploy'], 0],
    ['error', ['rotate', 'undo'], 1],
    ['rotate-setup-alternate', ['rotate', '--setup-alternate', '--dry-run'], 0],
    ['rotate-setup-alternate', ['rotate', '--setup-alternate', '--yes'], 0],
    ['rotate', ['rotate', '--force-deploy'], 0],
    ['rotate-undo', ['rotate', 'undo', '--dry-run'], 0],
    ['rotate-undo', ['rotate', 'undo'], 0],
    ['rotate-resume', ['rotate', 'resume'], 0],
    ['rotate-abort', ['rotate', 'abort'], 0],
    ['rotate-status', ['rotate', 'status'], 0],
    ['rotate-schedule-status', ['rotate', 'schedule', 'status'], 0],
    ['rotate-schedule', ['rotate', 'schedule', '--every', '90d', '--dry-run'], 0],
    ['rotate-schedule', ['rotate', 'schedule', '--every', '90d'], 0],
    ['rotate-schedule-status', ['rotate', 'schedule', 'status'], 0],
    ['rotate-schedule-remove', ['rotate', 'schedule', 'remove', '--dry-run'], 0],
    ['rotate-schedule-remove', ['rotate', 'schedule', 'remove'], 0],
    ['deploy', ['deploy', '--dry-run'], 0],
    ['deploy', ['deploy', '--no-wait', '--yes'], 0],
    ['deploy', ['deploy', '--yes'], 0],
    ['deploy-status', ['deploy', 'status', '--exit-code'], 0],
    ['audit', ['audit', '--since', '1h'], 0],
    ['audit', ['audit', '--source', 'lake', '--since', '1h', '--yes'], 0],
    ['audit-sql', ['audit', 'sql', 's3://trail-example', '--account', '111122223333'], 0],
    ['audit-baseline-learn', ['audit', 'baseline', 'learn', '--since', '1h', '--dry-run'], 0],
    ['audit-baseline-show', ['audit', 'baseline', 'show'], 0],
    [
      'audit-baseline-allow',
      ['audit', 'baseline', 'allow', 'arn:aws:iam::*:role/x', '--until', tomorrow, '--reason', 'test', '--dry-run'],
      0,
    ],
    ['iam-validate', ['iam', 'validate', '-'], 0],
    ['iam-can', ['iam', 'can', 'reader', 'secretsmanager:GetSecretValue', 'jamf-mcp-server/production', '--online'], 3],
    ['iam-who-can', ['iam', 'who-can'], 0],
    ['iam-generate', ['iam', 'generate', '--for', 'operator'], 0],
    ['iam-generate', ['iam', 'generate', '--trust'], 0],
    ['iam-generate', ['iam', 'generate', '--from-audit', '1d', '--role', 'ecsTaskExecutionRole'], 0],
    ['iam-apply', ['iam', 'apply', '-', '--role', 'reader', '--policy', 'More', '--dry-run'], 0, POLICY],
    ['audit-verify', ['audit', 'verify'], 0],
    ['secrets-set', ['secrets', 'set', 'SESSION_KEY', '--generate', '--dry-run'], 0],
    ['secrets-set', ['secrets', 'set', 'SESSION_KEY', '--generate'], 0],
    ['secrets-history', ['secrets', 'history'], 0],
    ['secrets-diff', ['secrets', 'diff', '--exit-code'], 3],
    ['secrets-rollback', ['secrets', 'rollback'], 0],
    ['secrets-rollback', ['secrets', 'rollback'], 0],
    ['secrets-unset', ['secrets', 'unset', 'AUTH0_AUDIENCE'], 0],
    ['secrets-unset', ['secrets', 'unset', 'AUTH0_AUDIENCE'], 0],
    ['secrets-verify', ['secrets', 'verify'], 3],
    ['secrets-cost', ['secrets', 'cost', '--starts', '1000'], 0],
    ['secrets-reveal', ['secrets', 'reveal', 'JAMF_URL', '--reason', 'test'], 0],
    ['secrets-export', ['secrets', 'export', '--format', 'ecs'], 0],
    ['secrets-export', ['secrets', 'export', '--format', 'github', '--reason', 'test'], 0],
    ['secrets-import', ['secrets', 'import', '-', '--split', '--prefix', 'results', '--dry-run'], 0],
    ['secrets-import', ['secrets', 'import', '-', '--split', '--prefix', 'results'], 0],
    ['secrets-copy', ['secrets', 'copy', '--to', 'local', '--dry-run'], 0],
    ['secrets-copy', ['secrets', 'copy', '--to', 'local'], 0],
    ['secrets-delete', ['secrets', 'delete', '--window', '7'], 0],
    ['secrets-restore', ['secrets', 'restore'], 0],
    ['secrets-restore', ['secrets', 'restore'], 0],
    ['secrets-delete', ['secrets', 'delete', '--now'], 0],
    ['secrets-delete', ['secrets', 'delete', '--now'], 0],
  ];
  for (const [command, args, exit, input] of runs) {
    it(`prints what the schema of ${command} says: ${args.join(' ')}`, async () => {
      const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
        JSON.parse(await readFile(schemaFile(command), 'utf8')) as object,
      );
      const { stdout, stderr, code } = await runCli([...args, '--json'], {
        env: { ...sandbox.environment, JAMF_MCP_CONFIRM: 'jamf-mcp-server/production' },
        input: input ?? JSON.stringify(sandbox.fields),
      });
      assert.equal(code, exit, stderr + stdout);
      assert.ok(validate(JSON.parse(stdout)), JSON.stringify(validate.errors));
    });
  }
});
