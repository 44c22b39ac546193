import assert from 'node:assert/strict';
import { CreateSecretCommand, PutResourcePolicyCommand, UpdateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { can } from '../../src/lib/iam/can-ask.ts';
import { whoCanLive } from '../../src/lib/iam/who-can-live.ts';
import { testContext } from '../support/context.ts';
import { rawCall, secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const ROLE = 'arn:aws:iam::000000000000:role/';
const aws = { region: 'us-east-1' };
const allow = (rest: Record<string, unknown>) => ({ Effect: 'Allow', Resource: '*', ...rest });

describe('iam: who may what, by the account', () => {
  const sandbox = withSandbox();
  let arn: string;
  beforeEach(async () => {
    const made = await secretsClient(sandbox()).send(
      new CreateSecretCommand({ Name: NAME, SecretString: '{}', Tags: [{ Key: 'team', Value: 'mcp' }] }),
    );
    arn = made.ARN ?? '';
  });
  const protect = (...statements: Record<string, unknown>[]) =>
    secretsClient(sandbox()).send(
      new PutResourcePolicyCommand({
        SecretId: NAME,
        ResourcePolicy: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
      }),
    );
  const refuse = (operation: string) => {
    sandbox().inject({
      operation,
      nth: 'every',
      fault: { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 400 },
    });
  };
  const ask = (principal: string, action = 'secretsmanager:GetSecretValue', resource = NAME, keys: string[] = []) =>
    can({ principal, action, resource, keys, online: false }, [], aws, testContext());
  const decided = async (...args: Parameters<typeof ask>) => {
    const { verdict, answers } = await ask(...args);
    const [first] = answers;
    return [verdict, ...(first?.because.map(({ layer, file, sid }) => `${layer} ${file} ${sid ?? ''}`) ?? [])];
  };

  it('reads a role by its name, its ARN or a session, and the secret by its name', async () => {
    const statement = 'identity aws/000000000000/iam/role/ecsTaskExecutionRole/SecretsAccess.json ReadJamfSecret';
    for (const principal of [
      'ecsTaskExecutionRole',
      `${ROLE}ecsTaskExecutionRole`,
      'arn:aws:sts::000000000000:assumed-role/ecsTaskExecutionRole/task',
    ]) {
      assert.deepEqual(await decided(principal), ['allow', statement]);
    }
    const { principal, answers } = await ask('ecsTaskExecutionRole');
    assert.deepEqual([principal, answers[0]?.resource], [`${ROLE}ecsTaskExecutionRole`, arn]);
    const operator = await ask('AWSReservedSSO_Operator_0123456789abcdef');
    assert.equal(operator.principal, `${ROLE}aws-reserved/sso.amazonaws.com/AWSReservedSSO_Operator_0123456789abcdef`);
  });

  it('takes the policy of the secret and its tags into account', async () => {
    await protect({
      Sid: 'TaskOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: 'secretsmanager:GetSecretValue',
      Resource: '*',
      Condition: {
        ArnNotEquals: { 'aws:PrincipalArn': `${ROLE}ecsTaskExecutionRole` },
        StringEquals: { 'aws:ResourceTag/team': 'mcp' },
      },
    });
    assert.equal((await decided('ecsTaskExecutionRole'))[0], 'allow');
    assert.deepEqual(await decided('jamf-mcp-task-role'), [
      'explicit-deny',
      `resource aws/000000000000/secretsmanager/us-east-1/${NAME}/policy.json TaskOnly`,
    ]);
  });

  it('reads users with their policies, and trust policies for whoever assumes a role', async () => {
    assert.equal((await decided('arn:aws:iam::000000000000:user/legacy-ci'))[0], 'implicit-deny');
    assert.deepEqual(await decided('ecs-tasks.amazonaws.com', 'sts:AssumeRole', `${ROLE}ecsTaskExecutionRole`), [
      'allow',
      'resource aws/000000000000/iam/role/ecsTaskExecutionRole/trust.json ',
    ]);
    assert.equal(
      (await decided('lambda.amazonaws.com', 'sts:AssumeRole', `${ROLE}ecsTaskExecutionRole`))[0],
      'implicit-deny',
    );
  });

  it('asks for kms:Decrypt as well where the secret has a key of its own', async () => {
    const made = JSON.parse((await rawCall(sandbox(), 'TrentService.CreateKey', '{}')).text) as {
      KeyMetadata: { Arn: string };
    };
    const key = made.KeyMetadata.Arn;
    await secretsClient(sandbox()).send(new UpdateSecretCommand({ SecretId: NAME, KmsKeyId: key }));
    const role = sandbox().roles.find(({ name }) => name === 'ecsTaskExecutionRole') ?? assert.fail();
    const readers = async () =>
      (await whoCanLive(NAME, aws, testContext())).readers.map((one) => one.arn.split('/').at(-1));
    const without = await ask('ecsTaskExecutionRole');
    assert.deepEqual(
      without.answers.map(({ action, resource, verdict }) => [action, resource, verdict]),
      [
        ['secretsmanager:GetSecretValue', arn, 'allow'],
        ['kms:Decrypt', key, 'implicit-deny'],
      ],
    );
    assert.equal(without.verdict, 'implicit-deny');
    assert.ok(!(await readers()).includes('ecsTaskExecutionRole'));
    const Condition = { StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' } };
    const Statement = [{ ...allow({ Action: 'kms:Decrypt', Resource: key }), Condition }];
    Object.assign(role.inline, { Key: { Version: '2012-10-17', Statement } });
    assert.equal((await ask('ecsTaskExecutionRole')).verdict, 'allow');
    assert.ok((await readers()).includes('ecsTaskExecutionRole'));
  });

  it('asks the simulator about the policies of the identity, and says where there are none', async () => {
    const online = (principal: string, action: string, resource: string) =>
      can({ principal, action, resource, keys: [], online: true }, [], aws, testContext());
    const role = await online('ecsTaskExecutionRole', 'secretsmanager:GetSecretValue', NAME);
    assert.deepEqual(role.online, { verdict: 'allow', ours: 'allow', agrees: true, absent: [] });
    const service = await online('ecs-tasks.amazonaws.com', 'sts:AssumeRole', `${ROLE}reader`);
    assert.equal(service.online, null);
    assert.match(service.unread.at(-1)?.why ?? '', /it judges policies of an identity, and there is none/);
  });

  it('says what it did not read', async () => {
    const { unread } = await ask('reader', 's3:GetObject', 'arn:aws:s3:::bucket/key');
    assert.deepEqual(
      unread.map(({ what }) => what),
      ['the organization and the session', 'the policy of arn:aws:s3:::bucket/key'],
    );
    refuse('secretsmanager:GetResourcePolicy');
    const refused = await ask('ecsTaskExecutionRole');
    assert.equal(refused.verdict, 'allow');
    assert.match(refused.unread[1]?.why ?? '', /GetResourcePolicy failed: no/);
  });

  it('tells what is not there, and what it may not read', async () => {
    await assert.rejects(ask('nobody'), { code: 'NOT_FOUND' });
    await assert.rejects(ask('arn:aws:iam::000000000000:user/nobody'), { code: 'NOT_FOUND' });
    await assert.rejects(ask('arn:aws:iam::444455556666:role/reader'), { code: 'INPUT_INVALID', hint: /--policy/ });
    await assert.rejects(ask('reader', 'secretsmanager:GetSecretValue', 'none'), { code: 'SECRET_NOT_FOUND' });
    refuse('iam:GetRole');
    await assert.rejects(ask('reader'), { code: 'ACCESS_DENIED' });
  });

  it('lists the readers of a secret, those that its policy alone lets in and those from outside among them', async () => {
    const before = await whoCanLive(NAME, aws, testContext());
    const names = ({ readers }: typeof before) => readers.map((one) => `${one.arn.split('/').at(-1) ?? ''} ${one.may}`);
    assert.ok(names(before).includes('ecsTaskExecutionRole yes'));
    assert.ok(names(before).includes('jamf-mcp-task-role yes'));
    assert.ok(names(before).includes('AWSReservedSSO_Operator_0123456789abcdef yes'));
    assert.ok(!names(before).some((name) => /^(?:reader|legacy-ci) /.test(name)));
    assert.deepEqual(before.outsiders, []);
    await protect(
      allow({
        Principal: { AWS: ['arn:aws:iam::000000000000:user/legacy-ci', 'arn:aws:iam::444455556666:root'] },
        Action: 'secretsmanager:GetSecretValue',
      }),
      {
        Effect: 'Deny',
        Principal: '*',
        Action: '*',
        Resource: '*',
        Condition: { ArnEquals: { 'aws:PrincipalArn': `${ROLE}jamf-mcp-task-role` } },
      },
    );
    const after = await whoCanLive(arn, aws, testContext());
    assert.deepEqual(
      names(after).sort(),
      [...names(before).filter((name) => !name.startsWith('jamf-mcp-task-role')), 'legacy-ci yes'].sort(),
    );
    assert.deepEqual(
      after.outsiders.map(({ principal }) => principal),
      ['arn:aws:iam::444455556666:root'],
    );
    assert.equal(after.principals.users, 1);
  });

  it('lists nobody where the account may not be read', async () => {
    refuse('iam:GetAccountAuthorizationDetails');
    await assert.rejects(whoCanLive(NAME, aws, testContext()), {
      code: 'ACCESS_DENIED',
      message: /GetAccountAuthorizationDetails/,
    });
    await assert.rejects(whoCanLive('none', aws, testContext()), { code: 'SECRET_NOT_FOUND' });
  });
});
