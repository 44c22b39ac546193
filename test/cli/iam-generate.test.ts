/** The policies of `iam generate` and the commands they are made for, in the built binary. */
import assert from 'node:assert/strict';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { UpdateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { evaluate } from '../../src/lib/iam/evaluate.ts';
import type { GenerateResult } from '../../src/lib/iam/generate/generate.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import type { Policy } from '../../src/lib/iam/policy.ts';
import { names } from '../../src/lib/iam/reach.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli } from '../support/cli.ts';
import { sdkConfig, secretsClient } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';

describe('iam generate and iam apply', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ speed: 50 });
    const fields = JSON.stringify(sandbox.fields);
    const { code, stderr } = await run(['secrets', 'init', '--from-file', '-', '--yes', '--no-input'], fields);
    assert.equal(code, 0, stderr);
  });
  after(() => sandbox.close());
  const run = (args: readonly string[], input?: string) =>
    runCli(args, {
      env: { ...sandbox.environment, JAMF_MCP_CONFIRM: NAME },
      ...(input === undefined ? {} : { input }),
    });
  const policyFrom = (text: string): Policy => {
    const [policy] = readJson({ name: 'policy.json', text }, { type: 'identity' }).policies;
    assert.ok(policy);
    return policy;
  };

  /** The actions that commands have called since the last look, those aside that need no right. */
  const called = (): string[] => {
    const made = sandbox.calls.slice(looked);
    looked = sandbox.calls.length;
    const aws = made.filter(({ service }) => !/^(jamf|auth0|sts)$/.test(service));
    return [...new Set(aws.map(({ service, operation }) => `${service}:${operation}`))].sort();
  };
  let looked = 0;

  const encryptWith = async (alias: string) => {
    const kms = new KMSClient(sdkConfig(sandbox));
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata?.KeyId }));
    await secretsClient(sandbox).send(new UpdateSecretCommand({ SecretId: NAME, KmsKeyId: alias }));
  };

  for (const [purpose, commands] of [
    [
      'operator',
      [
        ['secrets', 'show'],
        ['secrets', 'history'],
        ['secrets', 'list'],
        ['secrets', 'set', 'SESSION_KEY', '--generate'],
        ['rotate', '--force-deploy', '--no-input'],
        ['deploy', 'status'],
        ['audit', '--since', '1h'],
        ['secrets', 'delete', '--window', '7'],
        ['secrets', 'restore'],
      ],
    ],
    [
      'auditor',
      [
        ['audit', '--since', '1h'],
        ['iam', 'validate', '--role', 'ecsTaskExecutionRole'],
        ['iam', 'validate', '--all'],
        ['iam', 'who-can'],
      ],
    ],
  ] as const) {
    it(`gives the ${purpose} every right that the commands use: ${commands.map((words) => words.slice(0, 2).join(' ')).join(', ')}`, async () => {
      // The rights that a key takes are held against the calls as well, of a key that only an alias names.
      if (purpose === 'auditor') await encryptWith('alias/app');
      const generated = await run(['iam', 'generate', '--for', purpose]);
      assert.equal(generated.code, 0, generated.stderr);
      assert.match(
        generated.stderr,
        /✓ proof: what is needed is allowed \(\d+\), what is near to it is denied \(\d+\)/,
      );
      const { statements } = policyFrom(generated.stdout);
      called();
      for (const words of commands) {
        const { code, stderr } = await run([...words, '--yes']);
        assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
      }
      const used = called();
      assert.ok(used.length > 5, used.join());
      assert.equal(used.includes('kms:ListGrants'), purpose === 'auditor', 'the key is looked at');
      assert.deepEqual(
        used.filter((action) => !statements.some((statement) => names(statement, action))),
        [],
        'a command uses more: add it to src/lib/iam/generate/presets.ts',
      );
    });
  }

  it('makes a policy of a task definition that can be put on its role in a pipe', async () => {
    const made = await run(['iam', 'generate', '--from-task-definition', 'jamf-mcp-server', '--quiet']);
    assert.deepEqual([made.code, made.stderr], [0, '']);
    const role = 'ecsTaskExecutionRole';
    const put = await run(
      ['iam', 'apply', '-', '--role', role, '--from-task-definition', 'jamf-mcp-server', '--confirm', role],
      made.stdout,
    );
    assert.equal(put.code, 0, put.stderr);
    assert.match(put.stdout, /^the inline policy SecretsAccess of the role ecsTaskExecutionRole is replaced\n/);
    assert.match(
      put.stdout,
      /  kms:Decrypt on .*\n(.*\n)*all 22 rights that the task definition needs are allowed then\n/,
    );
    const again = await run(['iam', 'apply', '-', '--role', role, '--json'], made.stdout);
    assert.equal((JSON.parse(again.stdout) as { outcome: string }).outcome, 'unchanged');
  });

  it('asks nobody with --account, and says what does not go together', async () => {
    const offline = await runCli(
      ['iam', 'generate', '--for', 'rotation', '--account', '111122223333', '--region', 'eu-central-1', '--json'],
      { env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' } },
    );
    assert.equal(offline.code, 0, offline.stderr);
    const { policy, account, region } = JSON.parse(offline.stdout) as GenerateResult;
    assert.deepEqual([account, region], ['111122223333', 'eu-central-1']);
    const caller = { arn: 'arn:aws:iam::111122223333:role/any', account };
    const layers = { identity: [policyFrom(JSON.stringify(policy))] };
    const resource = `arn:aws:secretsmanager:eu-central-1:111122223333:secret:${NAME}-AbCdEf`;
    assert.equal(
      evaluate({ caller, action: 'secretsmanager:PutSecretValue', resource, context: {} }, layers).verdict,
      'allow',
    );
    const alone = await runCli(['iam', 'generate', '--from-audit', '90d']);
    assert.equal(alone.code, 2);
    assert.deepEqual(alone.stderr.trimEnd().split('\n').length, 2);
  });
});
