import assert from 'node:assert/strict';
import { LEGACY_CI, type Credentials } from '../../src/lib/sandbox/principals.ts';
import { rawCall, withSandbox } from '../support/sandbox.ts';

const EXECUTION_POLICY = 'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy';

describe('sandbox: iam and kms', () => {
  const sandbox = withSandbox();

  const iam = async (action: string, parameters: Record<string, string> = {}, credentials?: Credentials) => {
    const body = new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters }).toString();
    return (await rawCall(sandbox(), null, body, credentials ? { credentials } : {})).text;
  };
  const all = (text: string, tag: string) =>
    [...text.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'g'))].map(([, inner = '']) => inner);

  it('roles are listed page by page, and told with their trust policy percent-encoded', async () => {
    const first = await iam('ListRoles', { MaxItems: '3' });
    assert.deepEqual(all(first, 'IsTruncated'), ['true']);
    const rest = await iam('ListRoles', { MaxItems: '3', Marker: all(first, 'Marker')[0] ?? '' });
    assert.deepEqual(
      [...all(first, 'RoleName'), ...all(rest, 'RoleName')],
      ['ecsTaskExecutionRole', 'jamf-mcp-task-role', 'reader', 'AWSReservedSSO_Operator_0123456789abcdef'],
    );
    assert.deepEqual(all(rest, 'IsTruncated'), ['false']);
    const [document = ''] = all(await iam('GetRole', { RoleName: 'ecsTaskExecutionRole' }), 'AssumeRolePolicyDocument');
    assert.match(document, /^%7B%22Version/);
    assert.equal(
      (JSON.parse(decodeURIComponent(document)) as { Statement: { Principal: unknown }[] }).Statement[0]
        ?.Principal instanceof Object,
      true,
    );
  });

  it('inline and attached policies are told', async () => {
    assert.deepEqual(all(await iam('ListRolePolicies', { RoleName: 'ecsTaskExecutionRole' }), 'member'), [
      'SecretsAccess',
    ]);
    const [document = ''] = all(
      await iam('GetRolePolicy', { RoleName: 'ecsTaskExecutionRole', PolicyName: 'SecretsAccess' }),
      'PolicyDocument',
    );
    const { Statement } = JSON.parse(decodeURIComponent(document)) as {
      Statement: { Action: string; Resource: string }[];
    };
    assert.equal(Statement[0]?.Action, 'secretsmanager:GetSecretValue');
    assert.match(Statement[0].Resource, /:secret:jamf-mcp-server\/production-[A-Za-z0-9]{6}$/);
    assert.deepEqual(all(await iam('ListAttachedRolePolicies', { RoleName: 'ecsTaskExecutionRole' }), 'PolicyArn'), [
      EXECUTION_POLICY,
    ]);
    const [version = ''] = all(await iam('GetPolicy', { PolicyArn: EXECUTION_POLICY }), 'DefaultVersionId');
    const [managed = ''] = all(
      await iam('GetPolicyVersion', { PolicyArn: EXECUTION_POLICY, VersionId: version }),
      'Document',
    );
    assert.ok(decodeURIComponent(managed).includes('ecr:GetAuthorizationToken'));
  });

  it('a user is told to himself; what is not there has its name in the refusal', async () => {
    assert.deepEqual(all(await iam('GetUser', {}, LEGACY_CI), 'UserName'), ['legacy-ci']);
    assert.deepEqual(all(await iam('GetUser'), 'Code'), ['ValidationError']);
    for (const [action, parameters] of [
      ['GetUser', { UserName: 'nobody' }],
      ['GetRole', { RoleName: 'nobody' }],
      ['GetRolePolicy', { RoleName: 'reader', PolicyName: 'nobody' }],
      ['GetPolicy', { PolicyArn: 'arn:aws:iam::aws:policy/nobody' }],
    ] as const) {
      const text = await iam(action, parameters);
      assert.deepEqual(all(text, 'Code'), ['NoSuchEntity']);
      assert.match(all(text, 'Message')[0] ?? '', /nobody/);
    }
  });

  it('the key of Secrets Manager is known by id, ARN and alias', async () => {
    const describeKey = async (KeyId: string) =>
      JSON.parse((await rawCall(sandbox(), 'TrentService.DescribeKey', JSON.stringify({ KeyId }))).text) as {
        KeyMetadata?: { Arn: string; KeyId: string };
        __type?: string;
      };
    const { KeyMetadata } = await describeKey('alias/aws/secretsmanager');
    assert.ok(KeyMetadata);
    for (const id of [KeyMetadata.KeyId, KeyMetadata.Arn])
      assert.deepEqual((await describeKey(id)).KeyMetadata, KeyMetadata);
    assert.equal((await describeKey('alias/nobody')).__type, 'NotFoundException');
    const { text } = await rawCall(sandbox(), 'TrentService.ListAliases', '{}');
    assert.equal(
      (JSON.parse(text) as { Aliases: { TargetKeyId: string }[] }).Aliases[0]?.TargetKeyId,
      KeyMetadata.KeyId,
    );
  });
});
