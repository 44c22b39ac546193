import assert from 'node:assert/strict';
import type { PolicyDocument } from '../../src/lib/rotation/schedule/role.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT } from '../../src/lib/secrets/store.ts';
import { rotatorOf } from '../support/jamf-clients.ts';
import { SECRET, seedSecret, storeOf } from '../support/rotation.ts';
import { announce, rotator, STEPS, storedSecret } from '../support/rotation-function.ts';
import { functionOf, install, NAMES, policyIn, roleOf } from '../support/schedule.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { stsClient, withSandbox } from '../support/sandbox.ts';

const TOKEN = '11111111-1111-4111-8111-111111111111';
const ROTATOR = 'jamf-mcp-server/rotator';
const KEY = 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-4123-8123-123456789012';

describe("the rotation function under its role's rights", function () {
  this.timeout(60_000);
  const sandbox = withSandbox();
  let context: SandboxContext;

  /** A customer's key on both secrets, a rotator, a service: the role has every right that there can be. */
  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
    const { clientId, clientSecret } = rotatorOf(sandbox());
    const raw = { JAMF_MCP_ROTATOR_CLIENT_ID: clientId, JAMF_MCP_ROTATOR_CLIENT_SECRET: clientSecret.reveal() };
    const created = { name: ROTATOR, description: '', tags: {}, fields: fieldsFrom(schemaOf('jamf'), raw) };
    await storeOf(context).create({ ...created, token: TOKEN.replaceAll('1', '5') });
    storedSecret(sandbox()).kmsKeyId = KEY;
    const rotatorStored = sandbox().secrets.vault.find('us-east-1', ROTATOR);
    assert.ok(rotatorStored);
    rotatorStored.kmsKeyId = KEY;
    await install(sandbox(), context, { rotator: ROTATOR });
  });

  /** Go on as a session of the function's role: every AWS client of this process signs as it. */
  async function becomeTheFunction(): Promise<void> {
    const { AssumeRoleCommand } = await import('@aws-sdk/client-sts');
    const RoleArn = `arn:aws:iam::000000000000:role/${NAMES.role}`;
    const { Credentials } = await stsClient(sandbox()).send(
      new AssumeRoleCommand({ RoleArn, RoleSessionName: 'function' }),
    );
    assert.ok(Credentials);
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: Credentials.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: Credentials.SecretAccessKey,
      AWS_SESSION_TOKEN: Credentials.SessionToken,
    });
  }

  /** Rotate, and redeploy for the moved label, as AWS would have the function do. */
  async function rotateAndRedeploy(): Promise<void> {
    announce(sandbox(), TOKEN);
    const { step, call } = rotator(sandbox(), context, functionOf(sandbox()).settings.Environment.Variables);
    for (const name of STEPS) await step(name, TOKEN);
    const { done } = await call({
      source: 'aws.secretsmanager',
      'detail-type': 'Secret Label Updated',
      resources: [storedSecret(sandbox()).arn],
      detail: { name: SECRET, labelUpdated: AWSCURRENT, versionId: TOKEN },
    });
    assert.match(done, /is under way$/);
  }

  /** The policy without one action of one statement. */
  function without(policy: PolicyDocument, sid: string, action: string): PolicyDocument {
    const rest = policy.Statement.map((statement) =>
      statement.Sid === sid
        ? { ...statement, Action: [statement.Action].flat().filter((one) => one !== action) }
        : statement,
    );
    return { ...policy, Statement: rest };
  }

  const change = (policy: PolicyDocument) => {
    roleOf(sandbox()).inline = { [NAMES.policy]: policy };
  };

  it('does its work with all of them', async () => {
    await becomeTheFunction();
    await rotateAndRedeploy();
    const value = [...storedSecret(sandbox()).versions.values()].find(({ stages }) => stages.has(AWSCURRENT))?.value;
    assert.ok(JSON.stringify(value).includes(sandbox().jamf.integrations[0]?.credential?.secret ?? '-'));
  });

  /** Every right of the policy but the two that Lambda itself uses on the function's behalf: see below. */
  const RIGHTS = [
    ['RotateTheSecret', 'secretsmanager:DescribeSecret'],
    ['RotateTheSecret', 'secretsmanager:GetSecretValue'],
    ['RotateTheSecret', 'secretsmanager:PutSecretValue'],
    ['RotateTheSecret', 'secretsmanager:UpdateSecretVersionStage'],
    ['UseTheKey', 'kms:Decrypt'],
    ['UseTheKey', 'kms:GenerateDataKey'],
    ['ReadTheRotatorClient', 'secretsmanager:GetSecretValue'],
    ['UseTheKeyOfTheRotatorClient', 'kms:Decrypt'],
    ['RedeployTheService', 'ecs:UpdateService'],
  ] as const;

  for (const [sid, action] of RIGHTS) {
    it(`fails without ${action} of ${sid}`, async () => {
      change(without(policyIn(sandbox()), sid, action));
      await becomeTheFunction();
      await assert.rejects(rotateAndRedeploy(), (error: Error) => {
        assert.equal(error.name, 'ACCESS_DENIED', error.message);
        assert.match(error.message, /not authorized to perform|Access to KMS is not allowed/);
        return true;
      });
    });
  }

  const PLATFORM = [
    ['WriteTheLog', 'logs:CreateLogStream'],
    ['WriteTheLog', 'logs:PutLogEvents'],
    ['KeepWhatFailed', 'sqs:SendMessage'],
  ] as const;

  it('has no right that is not tested here', () => {
    const rights = policyIn(sandbox()).Statement.flatMap(({ Sid, Action }) =>
      [Action].flat().map((one) => `${Sid} ${one}`),
    );
    assert.deepEqual(rights.sort(), [...RIGHTS, ...PLATFORM].map((right) => right.join(' ')).sort());
  });

  /** An event that the function cannot deal with: called, called twice more, then given up. */
  async function failThrice(): Promise<{ lines: number; messages: number }> {
    const { lambda, logs, sqs } = sandbox();
    lambda.enqueue(functionOf(sandbox()).arn, { no: 'event' });
    for (const pause of [0, 60_000, 120_000]) {
      sandbox().clock.advance(pause);
      while (lambda.running() > 0) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const lines = [...(logs.groups.get(NAMES.logGroup)?.streams.values() ?? [])].flat().length;
    return { lines, messages: sqs.queues.get(NAMES.queue)?.messages.length ?? 0 };
  }

  it('logs, and keeps what failed, with all of them', async () => {
    sandbox().logs.groups.get(NAMES.logGroup)?.streams.clear();
    const { lines, messages } = await failThrice();
    assert.ok(lines >= 3, String(lines));
    assert.equal(messages, 1);
  });

  for (const [sid, action] of PLATFORM) {
    it(`${action.startsWith('logs:') ? 'logs' : 'keeps'} nothing without ${action}`, async () => {
      sandbox().logs.groups.get(NAMES.logGroup)?.streams.clear();
      change(without(policyIn(sandbox()), sid, action));
      const { lines, messages } = await failThrice();
      assert.equal(action.startsWith('logs:') ? lines : messages, 0);
    });
  }

  it('may not touch another secret, another service or the rotator secret', async () => {
    await becomeTheFunction();
    const { SecretsManagerClient, GetSecretValueCommand, PutSecretValueCommand } =
      await import('@aws-sdk/client-secrets-manager');
    const { ECSClient, UpdateServiceCommand } = await import('@aws-sdk/client-ecs');
    const secrets = new SecretsManagerClient({ maxAttempts: 1 });
    const denied = (work: Promise<unknown>) => assert.rejects(work, { name: 'AccessDeniedException' });
    await denied(secrets.send(new GetSecretValueCommand({ SecretId: `${SECRET}-other` })));
    await denied(secrets.send(new PutSecretValueCommand({ SecretId: ROTATOR, SecretString: '{}' })));
    await denied(new ECSClient({}).send(new UpdateServiceCommand({ cluster: 'jamf-mcp-cluster', service: 'other' })));
  });

  it('has no value in its policy, its environment or its description', () => {
    const { settings, policy } = functionOf(sandbox());
    const told = JSON.stringify([
      settings,
      [...policy.values()],
      roleOf(sandbox()),
      [...sandbox().events.rules.values()],
    ]);
    for (const [name, value] of Object.entries(sandbox().fields)) {
      if (name.endsWith('_SECRET')) assert.ok(!told.includes(value), name);
    }
  });
});
