import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { CanResult } from '../../src/lib/iam/can.ts';
import type { ValidateResult } from '../../src/lib/iam/validate.ts';
import type { WhoCanResult } from '../../src/lib/iam/who-can.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { ROOT, runCli } from '../support/cli.ts';
import { secretsClient } from '../support/sandbox.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:jamf-mcp-server/production-AbCdEf';
const example = (name: string) => ['--policy', join(ROOT, 'examples/iam', name)];

describe('iam can, iam who-can', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox();
    await secretsClient(sandbox).send(
      new CreateSecretCommand({ Name: 'jamf-mcp-server/production', SecretString: '{"A":"value-EXAMPLE-1"}' }),
    );
  });
  after(() => sandbox.close());

  it('answers from policy files, and exits 3 where the answer is not the expected one', async () => {
    const args = ['iam', 'can', 'app', 'secretsmanager:GetSecretValue', SECRET];
    const allowed = await runCli([...args, ...example('narrow/bare-name.json')]);
    assert.deepEqual([allowed.code, allowed.stderr], [0, '']);
    assert.match(allowed.stdout, /^allowed: .*\n\nAllow +identity +.*narrow\/bare-name\.json:4:5 ReadSecret\n$/);
    const denied = await runCli([...args, ...example('printed/bare-name.json'), '--json']);
    const { verdict, answers } = JSON.parse(denied.stdout) as CanResult;
    assert.deepEqual([denied.code, verdict, answers[0]?.nearly.length], [3, 'implicit-deny', 1]);
    assert.equal((await runCli([...args, ...example('printed/bare-name.json'), '--expect', 'deny'])).code, 0);
  });

  it('answers from the account, with what the simulator says', async () => {
    const { code, stdout } = await runCli(
      ['iam', 'can', 'ecsTaskExecutionRole', 'secretsmanager:GetSecretValue', 'jamf-mcp-server/production', '--online'],
      { env: sandbox.environment },
    );
    assert.equal(code, 0);
    assert.match(stdout, /SecretsAccess\.json:\d+:\d+ ReadJamfSecret/);
    assert.match(stdout, /IAM's simulator agrees on the policies of the principal: allowed/);
    assert.match(stdout, /not taken into account:/);
  });

  it('lets our own verdict stand where there are no credentials', async () => {
    const { code, stdout } = await runCli([
      ...['iam', 'can', 'app', 'secretsmanager:GetSecretValue', SECRET, '--online', '--region', 'us-east-1'],
      ...example('narrow/bare-name.json'),
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /^allowed: /);
    assert.match(stdout, /IAM's simulator .*credentials/s);
  });

  it('lists readers', async () => {
    const text = await runCli(['iam', 'who-can'], { env: sandbox.environment });
    assert.equal(text.code, 0);
    assert.match(text.stdout, /^\d+ of \d+ principals may read jamf-mcp-server\/production\n/);
    assert.match(text.stdout, /yes +role\/ecsTaskExecutionRole/);
    assert.doesNotMatch(text.stdout, /value-EXAMPLE-1/);
    const json = await runCli(['iam', 'who-can', 'jamf-mcp-server/production', '--json'], { env: sandbox.environment });
    const { readers, principals } = JSON.parse(json.stdout) as WhoCanResult;
    assert.ok(readers.length >= 2 && principals.roles >= 4);
  });

  it('asks Access Analyzer with iam validate --online, and what it charges for with --yes', async () => {
    const open = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
    });
    const run = async (...more: string[]) => {
      const args = ['iam', 'validate', '-', '--type', 'resource', '--online', '--json', ...more];
      const { code, stdout } = await runCli(args, { env: sandbox.environment, input: open });
      assert.equal(code, 0);
      const { findings, unread } = JSON.parse(stdout) as ValidateResult;
      return { rules: findings.map(({ rule }) => rule), unread };
    };
    const free = await run();
    assert.deepEqual([free.unread, free.rules.includes('access-analyzer-public')], [[], false]);
    assert.ok((await run('--yes')).rules.includes('access-analyzer-public'));
    const offline = await runCli(['iam', 'validate', '-', '--online', '--region', 'us-east-1'], { input: open });
    assert.equal(offline.code, 0);
    assert.ok(
      offline.stdout.split('\n').every((line) => line.length <= 120),
      offline.stdout,
    );
    const told = offline.stdout.replace(/\s+/g, ' ');
    assert.match(told, /not judged .*credentials.*the findings are those of our own rules/);
  });

  it('tells what is missing or not there', async () => {
    const none = await runCli(['iam', 'can', 'app']);
    assert.equal(none.code, 2);
    const absent = await runCli(['iam', 'who-can', 'none'], { env: sandbox.environment });
    assert.deepEqual([absent.code, absent.stderr.split('\n').length], [5, 3]);
  });
});
