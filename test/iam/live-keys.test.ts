import assert from 'node:assert/strict';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  KMSClient,
  PutKeyPolicyCommand,
} from '@aws-sdk/client-kms';
import { PutRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readKeyPolicy } from '../../src/lib/iam/live/keys.ts';
import { validateLive, type Selection } from '../../src/lib/iam/live/validate.ts';
import { testContext } from '../support/context.ts';
import { sdkConfig, secretsClient, withSandbox } from '../support/sandbox.ts';

const SECRET = 'jamf-mcp-server/production';
const ROLE = 'ecsTaskExecutionRole';

describe('live validation: keys', () => {
  const sandbox = withSandbox();
  const context = () => testContext({ start: sandbox().clock.now() });
  const kms = () => new KMSClient(sdkConfig(sandbox()));
  const validated = async (selection: Partial<Selection>) =>
    (
      await validateLive(
        { roles: [], taskDefinitions: [], secrets: [], all: false, ...selection },
        {},
        await loadCatalogue(),
        context(),
      )
    ).result;
  const verdict = async () => {
    const { tasks, unread } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
    assert.deepEqual(unread, []);
    return tasks[0]?.roles[0]?.needs.find(({ action }) => action === 'kms:Decrypt')?.verdict;
  };
  const policy = (Statement: unknown) => JSON.stringify({ Version: '2012-10-17', Statement });
  let arn = '';
  beforeEach(async () => {
    arn = (await kms().send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
    await kms().send(new CreateAliasCommand({ AliasName: 'alias/app', TargetKeyId: arn }));
    await secretsClient(sandbox()).send(
      new CreateSecretCommand({ Name: SECRET, SecretString: '{}', KmsKeyId: 'alias/app' }),
    );
  });
  const allowDecrypt = (Condition?: unknown, Resource = arn) =>
    new IAMClient(sdkConfig(sandbox())).send(
      new PutRolePolicyCommand({
        RoleName: ROLE,
        PolicyName: 'Key',
        PolicyDocument: policy({ Effect: 'Allow', Action: 'kms:Decrypt', Resource, Condition }),
      }),
    );

  it('the right to decrypt is asked of the key behind the alias, in the role', async () => {
    assert.equal(await verdict(), 'missing');
    await allowDecrypt({ StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' } });
    assert.equal(await verdict(), 'allowed');
    await allowDecrypt({ 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/app' } }, '*');
    assert.equal(await verdict(), 'allowed');
    await allowDecrypt({ StringEquals: { 'kms:ViaService': 'rds.us-east-1.amazonaws.com' } });
    assert.equal(await verdict(), 'missing');
  });

  it('and in the policy of the key', async () => {
    await allowDecrypt();
    const shut = policy({
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::000000000000:role/reader' },
      Action: 'kms:*',
      Resource: '*',
    });
    await kms().send(new PutKeyPolicyCommand({ KeyId: arn, PolicyName: 'default', Policy: shut }));
    assert.equal(await verdict(), 'missing');
    const read = await readKeyPolicy(arn, {}, context());
    assert.equal(read?.name, `aws/000000000000/kms/us-east-1/key/${arn.split('/').at(-1) ?? ''}/policy.json`);
    assert.deepEqual(JSON.parse(read.text), JSON.parse(shut));
  });

  it('a disabled key is told; the policy of a key comes with its secret, and with all, once', async () => {
    const inputs = async (selection: Partial<Selection>) =>
      (await validated(selection)).inputs.filter(({ type }) => type === 'kms').length;
    await secretsClient(sandbox()).send(
      new CreateSecretCommand({ Name: 'other', SecretString: 'x', KmsKeyId: 'alias/app' }),
    );
    assert.deepEqual([await inputs({ secrets: [SECRET] }), await inputs({ all: true })], [1, 1]);
    await allowDecrypt();
    await kms().send(new DisableKeyCommand({ KeyId: arn }));
    const { findings } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
    assert.equal(findings.filter(({ rule }) => rule === 'task-secret-unusable').length, 1);
  });
});
