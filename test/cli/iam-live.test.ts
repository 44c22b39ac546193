/** `iam validate` of an account: the built program against a sandbox. */
import assert from 'node:assert/strict';
import { DescribeTaskDefinitionCommand, ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { DeleteRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import type { ValidateResult } from '../../src/lib/iam/validate.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli } from '../support/cli.ts';
import { sdkConfig, secretsClient } from '../support/sandbox.ts';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';

describe('iam validate of an account', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox();
    const SecretString = JSON.stringify(sandbox.fields);
    await secretsClient(sandbox).send(new CreateSecretCommand({ Name: 'jamf-mcp-server/production', SecretString }));
  });
  after(() => sandbox.close());

  const run = (...args: string[]) =>
    runCli(['iam', 'validate', ...args], {
      env: { ...sandbox.environment, JAMF_MCP_SECRET: 'jamf-mcp-server/production' },
    });

  it('with nothing named joins the task definition of the service with its roles', async () => {
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^jamf-mcp-server:1\nexecution role ecsTaskExecutionRole: 7 of 7 rights there/m);
    assert.match(stdout, /^task role jamf-mcp-task-role: the task definition needs nothing of it$/m);
    assert.ok(stdout.split('\n').every((line) => line.length <= 120));
  });

  it('of a file asks nobody, whatever JAMF_MCP_SECRET says', async () => {
    const before = sandbox.calls.length;
    const policy = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}';
    const { code } = await runCli(['iam', 'validate', '-'], {
      env: { ...sandbox.environment, JAMF_MCP_SECRET: 'jamf-mcp-server/production' },
      input: policy,
    });
    assert.deepEqual([code, sandbox.calls.length], [0, before]);
  });

  it('a role, the named secret, and all: JSON, SARIF with synthetic addresses, the exit code', async () => {
    const one = await run('--role', 'reader', '--secret', 'jamf-mcp-server/production', '--json');
    const { inputs } = JSON.parse(one.stdout) as ValidateResult;
    assert.deepEqual(
      inputs.map(({ name, type }) => `${name} ${type}`),
      ['aws/000000000000/iam/role/reader/trust.json trust', 'aws/000000000000/iam/role/reader/NoSecrets.json identity'],
    );
    const all = await run('--all', '--format', 'sarif', '--fail-on', 'high');
    assert.equal(all.code, 3);
    const { runs } = JSON.parse(all.stdout) as {
      runs: {
        results: { ruleId: string; locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }[];
      }[];
    };
    const unused = runs[0]?.results.find(({ ruleId }) => ruleId === 'role-unused');
    assert.equal(
      unused?.locations[0]?.physicalLocation.artifactLocation.uri,
      'aws/000000000000/iam/role/reader/trust.json',
    );
  });

  it('what is not there is exit 5, in two lines', async () => {
    const { code, stderr, stdout } = await run('--role', 'jamf-mcp-execution');
    assert.deepEqual([code, stdout], [5, '']);
    assert.match(stderr, /^jamf-mcp: there is no role jamf-mcp-execution\n +next: .*\n$/);
    assert.equal((await run('--task-definition', 'none:2')).code, 5);
  });

  it('a value that somebody left in a task definition is not shown', async () => {
    const ecs = new ECSClient(sdkConfig(sandbox));
    const { taskDefinition } = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: 'jamf-mcp-server' }));
    const value = 'plain-EXAMPLE-left-behind';
    const containerDefinitions = (taskDefinition?.containerDefinitions ?? []).map((container) => ({
      ...container,
      environment: [{ name: 'DB_PASSWORD', value }],
    }));
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'left-behind',
        containerDefinitions,
        executionRoleArn: taskDefinition?.executionRoleArn,
        taskRoleArn: taskDefinition?.taskRoleArn,
      }),
    );
    for (const format of [['--json'], ['--format', 'sarif'], ['--debug']]) {
      const { code, stdout, stderr } = await run('--task-definition', 'left-behind', ...format);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /left-behind/);
      assert.ok(!`${stdout}${stderr}`.includes(value), format.join(' '));
    }
  });

  it('a right that is missing fails the check, with what ECS would say', async () => {
    const iam = new IAMClient(sdkConfig(sandbox));
    await iam.send(new DeleteRolePolicyCommand({ RoleName: 'ecsTaskExecutionRole', PolicyName: 'SecretsAccess' }));
    const { code, stdout } = await run('--task-definition', 'jamf-mcp-server', '--fail-on', 'high');
    assert.equal(code, 3);
    assert.match(stdout, /execution role ecsTaskExecutionRole: 6 of 7 rights there/);
    const flat = stdout.replaceAll(/\s+/g, ' ');
    assert.match(flat, /27:24 high .*the execution role ecsTaskExecutionRole lacks/);
    assert.match(stdout, /task-right-missing/);
    assert.match(stdout, /missing$/m);
  });
});
