/** Reading an account from moto, which others have written: what the SDK makes of its answers, and what we make of that. */
import assert from 'node:assert/strict';
import { ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import {
  AddUserToGroupCommand,
  AttachRolePolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutGroupPolicyCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readAccount, readRole } from '../../src/lib/iam/live/read.ts';
import { validateLive } from '../../src/lib/iam/live/validate.ts';
import { testContext } from '../support/context.ts';
import { hasMoto, startMoto } from '../support/moto.ts';

const policy = (Statement: unknown) => JSON.stringify({ Version: '2012-10-17', Statement });

describe('live validation on moto', function () {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  this.timeout(60_000);
  let moto: Awaited<ReturnType<typeof startMoto>>;
  let outside: [string, string | undefined][] = [];
  before(async () => {
    moto = await startMoto();
    outside = Object.keys(moto.environment).map((name) => [name, process.env[name]]);
    Object.assign(process.env, moto.environment);
    const iam = new IAMClient();
    const AssumeRolePolicyDocument = policy({
      Effect: 'Allow',
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: 'sts:AssumeRole',
    });
    const { Policy } = await iam.send(
      new CreatePolicyCommand({
        PolicyName: 'Logs',
        PolicyDocument: policy({ Effect: 'Allow', Action: 's3:*', Resource: '*' }),
      }),
    );
    const PolicyArn = Policy?.Arn ?? '';
    await iam.send(
      new CreatePolicyVersionCommand({
        PolicyArn,
        SetAsDefault: true,
        PolicyDocument: policy({ Effect: 'Allow', Action: 'logs:PutLogEvents', Resource: '*' }),
      }),
    );
    await iam.send(
      new CreateRoleCommand({
        RoleName: 'app',
        Path: '/team/',
        AssumeRolePolicyDocument,
        PermissionsBoundary: PolicyArn,
      }),
    );
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'app', PolicyArn }));
    await iam.send(
      new PutRolePolicyCommand({
        RoleName: 'app',
        PolicyName: 'Inline',
        PolicyDocument: policy({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: '*' }),
      }),
    );
    await iam.send(new CreateUserCommand({ UserName: 'ann' }));
    await iam.send(new CreateGroupCommand({ GroupName: 'staff' }));
    await iam.send(new AddUserToGroupCommand({ GroupName: 'staff', UserName: 'ann' }));
    await iam.send(
      new PutGroupPolicyCommand({
        GroupName: 'staff',
        PolicyName: 'Reads',
        PolicyDocument: policy({ Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' }),
      }),
    );
  });
  after(async () => {
    for (const [name, value] of outside) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    await moto.close();
  });

  it('a role has the policies that are in force, its boundary among them, by itself and in the account', async () => {
    const role = await readRole('app', {}, testContext());
    assert.deepEqual(
      role.policies.map(({ kind, source }) => `${kind} ${source.name}`),
      [
        'trust aws/123456789012/iam/role/app/trust.json',
        'inline aws/123456789012/iam/role/app/Inline.json',
        'managed aws/123456789012/iam/policy/Logs.json',
        'boundary aws/123456789012/iam/policy/Logs.json',
      ],
    );
    const managed = role.policies.find(({ kind }) => kind === 'managed');
    assert.match(managed?.source.text ?? '', /logs:PutLogEvents/);
    const { roles, users } = await readAccount({}, testContext());
    const same = roles.find(({ name }) => name === 'app');
    assert.deepEqual(same?.policies, role.policies);
    assert.deepEqual(
      users.map(({ name, policies }) => [name, policies.map(({ source }) => source.name)]),
      [['ann', ['aws/123456789012/iam/group/staff/Reads.json']]],
    );
  });

  it('a task definition is joined with its role: the boundary withholds what the policy gives', async () => {
    const { ARN = '' } = await new SecretsManagerClient().send(
      new CreateSecretCommand({ Name: 'app/prod', SecretString: '{}' }),
    );
    await new ECSClient().send(
      new RegisterTaskDefinitionCommand({
        family: 'app',
        executionRoleArn: 'arn:aws:iam::123456789012:role/team/app',
        containerDefinitions: [
          { name: 'web', image: 'web', memory: 128, secrets: [{ name: 'A', valueFrom: `${ARN}:A::` }] },
        ],
      }),
    );
    const { result } = await validateLive(
      { roles: [], taskDefinitions: ['app'], secrets: [], all: false },
      {},
      await loadCatalogue(),
      testContext(),
    );
    assert.deepEqual(
      result.tasks[0]?.roles[0]?.needs.map(({ action, verdict }) => [action, verdict]),
      [['secretsmanager:GetSecretValue', 'missing']],
    );
    // moto makes no report on use; that is said, and nothing hangs on it.
    assert.match(result.unread.join(), /^which services a role has used: /);
  });
});
